"""What a session was asked to boot: files read once, so that a reset starts the same again."""

from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from emu.boot.ap_loop import ApLoop, LoopMode, loop_image
from emu.boot.contracts import contract_of, load, mailbox_loop
from emu.boot.contracts.contract import Contract, Loaded
from emu.boot.image import Image, load_image
from emu.boot.layout import BootLayout
from emu.boot.platform import Platform, platform_of, platform_text
from emu.boot.samples import place_of, samples_dir
from emu.errors import ImageError
from emu.given.files import read_file
from emu.machine.machine import Machine

_NOT_SAID: Final = (None, "", ())
"""What options are that nobody gave."""
INITRD_MAX: Final = 512 << 20
MAX_TICKS: Final = 20_000_000_000
"""Without --max-ticks a run that neither ends nor hangs is stopped here: many minutes."""


class Options(Struct, frozen=True):
    """The words of the command line that say what to boot."""

    image: str | None = None
    platform: str = ""
    """Empty: what the image's family is booted on; a `Setup`'s names it."""
    cpus: int | None = None
    memory: int | None = None
    seed: int = 0
    kernel: str | None = None
    initrd: str | None = None
    cmdline: str = ""
    host_dtb: str | None = None
    max_ticks: int | None = None
    rules: bool = True
    """Whether the machine notes what the rules of the protocol look at."""
    watchdog: int = 0
    """Instructions without progress after which a boot counts as hung; 0: never."""
    symbols: tuple[str, ...] = ()
    """ELF files of what lies in the image, for their names."""
    same_faults: int = 0
    """The same faults, with nothing else between, after which it does; 0: never."""
    ap_loop: str | None = None
    """Instead of an image: a file with somebody's mailbox loop, in which the APs begin."""
    at: int | None = None
    """Where the loop is to lie; this and the next four as in `emu.boot.ap_loop`."""
    mailbox: int | None = None
    loop_mode: LoopMode | None = None
    loop_entry: str = ""
    loop_reset: str = ""
    igvm_base: int | None = None
    """Where the region of an IGVM file that may move is to begin."""


class Setup(Struct, frozen=True):
    """Everything read and checked."""

    options: Options
    platform_text: str
    """The TOML that the platform was read from."""
    image: Image
    kernel: Image | None
    reset: Image | None
    platform: Platform
    seed: int
    initrd: bytes
    cmdline: str
    host_dtb: bytes | None
    max_ticks: int
    symbols: tuple[Image, ...] = ()

    @classmethod
    def of(cls, options: Options, platform: str = "") -> "Setup":
        """Read all files, the platform's only if its text is not given; raises ApdbgError with
        one sentence that names the file."""
        place = place_of(options.image, ".elf") if options.image else None
        image = _image(options, place)
        contract = _contract(options, image)
        usual = contract.platform if contract.suits is None else contract.suits(image)
        options = replace(options, platform=options.platform or usual)
        text = platform or platform_text(options.platform)
        machine = platform_of(
            text, Path(options.platform), cpus=options.cpus, memory_mib=options.memory
        )
        machine = replace(machine, loop=_loop(options, machine.loop))
        more = contract.hands_over
        for name in ("kernel", "initrd", "cmdline", "host_dtb", "symbols", "igvm_base"):
            if getattr(options, name) not in _NOT_SAID and name not in contract.takes:
                word = name.replace("_", "-")
                raise ImageError(f"{image.path}: is {contract.words}: it takes no --{word}")
        if contract.names_beside is not None and not options.symbols:
            options = replace(options, symbols=contract.names_beside(image, machine))
        at_reset = contract.resets and machine.start == "reset-vector"
        return cls(
            options=options,
            platform_text=text,
            image=image,
            kernel=load_image(options.kernel or _beside(place, "kernel")) if more else None,
            reset=load_image(_beside(place, "reset")) if at_reset else None,
            platform=machine,
            seed=options.seed,
            initrd=_file(options.initrd, INITRD_MAX) or b"",
            cmdline=options.cmdline,
            host_dtb=_file(options.host_dtb, INITRD_MAX),
            max_ticks=options.max_ticks or MAX_TICKS,
            symbols=tuple(load_image(one) for one in options.symbols),
        )

    def layout(self) -> BootLayout:
        """Where everything lies before the first instruction."""
        return _contract(self.options, self.image).lay_out(Loaded(
            self.image, self.kernel, self.reset, self.platform, self.initrd, self.cmdline,
            self.host_dtb, self.symbols, self.options.igvm_base,
        ))  # fmt: skip

    def machine(self) -> Machine:
        """The machine before its first instruction."""
        machine = Machine(self.platform, self.layout(), self.seed)
        machine.witness.on = self.options.rules
        return machine


def _image(options: Options, place: Path | None) -> Image:
    """What is to be booted."""
    if options.ap_loop is None:
        return load(place or samples_dir() / "shim.elf")
    if options.image:
        raise ImageError(
            f"--ap-loop {options.ap_loop}: its APs are woken by a kernel, so there is no place "
            f"for {options.image}: give it as --kernel"
        )
    return loop_image(options.ap_loop)


def _contract(options: Options, image: Image) -> Contract:
    """The contract by which it is booted."""
    return contract_of(image) if options.ap_loop is None else mailbox_loop.CONTRACT


def _loop(options: Options, given: ApLoop) -> ApLoop:
    """What the command line says of a loop, and the platform's file where it says nothing."""
    words = {
        "--at": options.at, "--mailbox": options.mailbox, "--loop-mode": options.loop_mode,
        "--loop-entry": options.loop_entry or None, "--loop-reset": options.loop_reset or None,
    }  # fmt: skip
    said = {word: value for word, value in words.items() if value is not None}
    if said and options.ap_loop is None:
        raise ImageError(f"{next(iter(said))}: there is no loop: --ap-loop FILE gives one")
    return replace(
        given, **{word.removeprefix("--").removeprefix("loop-"): v for word, v in said.items()}
    )


def _beside(image: Path | None, kind: str) -> Path:
    """`NAME.reset.elf` or `NAME.kernel.elf` beside `NAME.elf`; where there is none, the
    sample's."""
    samples = samples_dir()
    own = image.with_suffix(f".{kind}.elf") if image else samples
    return own if own.is_file() else samples / f"{kind}.elf"


def _file(path: str | None, most: int) -> bytes | None:
    """The bytes of an optional file."""
    return None if path is None else read_file(path, most, ImageError)
