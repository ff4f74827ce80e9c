"""Imports only go down the floors of the house, and each library has one home."""

from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import pytest

from tests.house.tree import imported, module, name, python_files

ANYWHERE: Final = ("emu.errors", "emu.given")
"""The user's mistakes, and what the user gives: every floor has to do with them."""

FLOORS: Final = (
    "emu.errors", "emu.given", "emu.texts", "emu.hw", "emu.igvm", "emu.boot", "emu.mailbox",
    "emu.vmm", "emu.machine", "emu.unwind", "emu.words", "emu.inject", "emu.timeline",
    "emu.judge", "emu.profile",
    "emu.picture",
    "emu.export", "emu.debug", "emu.tour", "emu.remote",
)  # fmt: skip
"""From the ground up: a room imports what stands before it."""

ASIDE: Final[dict[str, tuple[str, ...]]] = {
    "emu.mailbox": ("emu.boot",),
    "emu.vmm": ("emu.mailbox",),
    "emu.remote": FLOORS[3:-3],
}
"""Room -> what it does without, though it lies below."""

BELOW: Final[dict[str, tuple[str, ...]]] = {
    **{
        room: tuple(one for one in FLOORS[:index] if one not in ASIDE.get(room, ()))
        for index, room in enumerate(FLOORS)
    },
    "tui": (
        "emu.texts",
        *FLOORS[FLOORS.index("emu.words") :],
        "emu.open_session",
        "emu.Session",
    ),
}
"""Floor -> what it may import, besides itself."""

DEEPER: Final[dict[str, tuple[str, ...]]] = {
    "tui/doctor.py": ("emu.hw.selftest", "emu.boot.samples"),
}
"""File -> what it alone may import besides: the doctor asks the parts themselves."""

DOORS: Final = ("emu",)
"""A package that only opens the door: its `__init__` names what lies above the floors."""

HOMES: Final[dict[str, tuple[str, ...]]] = {
    "unicorn": ("emu/hw/engine*.py", "emu/hw/context.py"),
    "capstone": ("emu/boot/disasm.py",),
    "elftools": ("emu/boot/lines*.py", "emu/boot/structs*.py", "emu/boot/dwarf*.py"),
    "fdt": ("emu/boot/dtb*.py",),
    "zstandard": ("emu/boot/linux/bzimage.py",),
    "lz4": ("emu/boot/linux/bzimage.py",),
    "rust_demangler": ("emu/boot/rust_names.py",),
    "textual": ("tui/*.py",),
    "rich": ("tui/*.py",),
    "textual_serve": ("tui/web_*.py",),
    "aiohttp": ("tui/web_*.py",),
}
"""Library -> the only files of the product that may import it (`*` crosses folders)."""

PRODUCT: Final = python_files("emu", "tui")


def floor_of(dotted: str) -> str | None:
    """The floor that a module stands on; None for what is not ours."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        if (candidate := ".".join(parts[:length])) in BELOW:
            return candidate
    return None


def within(dotted: str, floors: tuple[str, ...]) -> bool:
    """Whether a module lies in one of these packages."""
    return any(dotted == floor or dotted.startswith(f"{floor}.") for floor in floors)


def upward(path: Path) -> list[str]:
    """Every import of a file that goes up or sideways, as `file:line: what`."""
    own = floor_of(module(path))
    if own is None:
        return []
    allowed = (own, *BELOW[own], *ANYWHERE, *DEEPER.get(name(path), ()))
    return [
        f"{name(path)}:{line}: {own} imports {target}"
        for line, target in imported(path)
        if within(target, ("emu", "tui", "tests", "benchmarks", "shim"))
        and not within(target, allowed)
    ]


def test_every_file_stands_on_a_floor() -> None:
    homeless = [
        name(path)
        for path in PRODUCT
        if floor_of(module(path)) is None and module(path) not in DOORS
    ]
    assert not homeless


def test_imports_only_go_down() -> None:
    assert not [line for path in PRODUCT for line in upward(path)]


@pytest.mark.parametrize("library", HOMES)
def test_a_library_is_imported_only_at_home(library: str) -> None:
    strangers = [
        f"{name(path)}:{line}"
        for path in PRODUCT
        for line, target in imported(path)
        if within(target, (library,))
        and not any(fnmatch(name(path), home) for home in HOMES[library])
    ]
    assert not strangers
