"""Tiny images by openhcl_boot's contract: a few lines of assembly as shim, kernel or sidecar.

    driver = at_rest("lea rbx, [rip + start]...", platform="none", kernel="1: pause\\n jmp 1b")

Each source is a position-independent image whose first byte is its base and its entry. As the
loader has it, RSI is the offset of the shim parameters from the shim's base.
"""

from pathlib import Path
from typing import Any, Final

from emu.boot.contracts.contract import Loaded
from emu.boot.contracts.openhcl import lay_out
from emu.boot.image import Image, load_image, parse_image
from emu.boot.layout import BootLayout
from emu.boot.platform import Platform, platform_of, platform_text
from emu.boot.samples import samples_dir
from emu.machine.machine import Machine
from emu.timeline.driver import Driver
from tests.boot.elf import NOTYPE, PIE, Load, Sym, elf
from tests.guest import CODE, assembled, finish

KERNEL: Final = "start: pause\n jmp start"


def image_of(source: str, name: str) -> Image:
    """A source as an image."""
    code = assembled(source)[0]
    symbols = tuple(Sym(label, at - CODE, type=NOTYPE) for label, at in code.labels.items())
    return parse_image(Path(name), elf(Load(0, code.code), kind=PIE, symbols=symbols))


def platform_with(name: str, more: str, cpus: int = 2) -> Platform:
    """A packaged platform and some more lines of TOML."""
    return platform_of(f"{platform_text(name)}\n{more}", Path(f"{name}.toml"), cpus=cpus)


def layout_of(shim: str, platform: Platform, kernel: str = KERNEL, **more: Any) -> BootLayout:
    """Where everything lies; `more` as in `Loaded`."""
    reset = load_image(samples_dir() / "reset.elf")
    shims, kernels = image_of(shim, "shim"), image_of(kernel, "kernel")
    return lay_out(Loaded(shims, kernels, reset, platform, **more))


def at_rest(shim: str, platform: Platform, kernel: str = KERNEL, **more: Any) -> Driver:
    """A machine that has come to rest, with its schedule."""
    driver = Driver(Machine(platform, layout_of(shim, platform, kernel, **more), 0))
    finish(driver)
    return driver


def places(layout: BootLayout) -> dict[str, tuple[int, int]]:
    """Name of a region -> (GPA, bytes)."""
    return {one.name: (one.gpa, one.size) for one in layout.regions}
