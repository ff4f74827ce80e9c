"""Somebody's mailbox loop by itself: where its bytes go, and how APs begin in them.

A platform's file may say it, and words of the command line come before it:

    [loop]
    at = 0x8800000               # GPA of its first byte
    mailbox = 0x8801000          # GPA of the mailbox page
    mode = "long"                # in which the APs come to it: real, protected or long
    entry = "loop_start"         # a symbol, or an offset from the first byte
    reset = 0x6b                 # likewise: where the OS hands a CPU back, if it may
    registers = { rbx = "mailbox", rbp = "vcpu", r8 = "apic-id" }
    load = ["0x8900000=late.bin"]   # more files in memory
    plan = "wake 1, test 2"      # what the built-in OS does (`emu.boot.loop_plan`)
    find = "madt"                # where it looks for the mailbox: tree or madt

EDK2's and td-shim's loops want the mailbox in RBX and the vCPU's index in RBP, in 64-bit mode
with memory mapped one to one (tianocore/edk2, OvmfPkg/TdxDxe/X64/ApRunLoop.nasm;
confidential-containers/td-shim, td-shim/src/bin/td-shim/asm/ap_loop.asm), and ask for their own
APIC id. One that does not ask finds it in R8, where both keep it.
"""

from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from emu.boot.file_kinds import ELF
from emu.boot.image import FILE_BYTES_MAX, Image, ImageSegment, Placed, parse_image
from emu.boot.platform_table import TomlTable, is_whole
from emu.errors import ImageError, PlatformError
from emu.given.files import read_file
from emu.given.number import begins_a_number, parsed
from emu.given.plain import shown
from emu.hw.address import U64

LoopMode = Literal["long", "protected", "real"]
Find = Literal["tree", "madt"]
FINDS: Final[tuple[Find, ...]] = ("tree", "madt")
MODES: Final[tuple[LoopMode, ...]] = ("long", "protected", "real")
RegisterMeaning = Literal["mailbox", "vcpu", "apic-id", "stack", "tables"]
MEANINGS: Final[tuple[RegisterMeaning, ...]] = ("mailbox", "vcpu", "apic-id", "stack", "tables")
"""What a register may hold: the GPA of the mailbox, the CPU's index or APIC id, the top of a
page of its own, the GPA of tables that map memory one to one."""
REGISTERS: Final = (
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    *(f"r{number}" for number in range(8, 16)),
)  # fmt: skip
GivenRegisters = tuple[tuple[str, RegisterMeaning | int], ...]
USUAL: Final[GivenRegisters] = (
    ("rbx", "mailbox"), ("rbp", "vcpu"), ("r8", "apic-id"), ("rsp", "stack"),
)  # fmt: skip
ADDRESS_END: Final = 1 << 32
_CODE: Final = 7
"""A flat binary may be read, written and executed."""


class ApLoop(Struct, frozen=True):
    """What is said of a loop."""

    at: int | None = None
    """None: where an executable is linked, else where there is room."""
    mailbox: int | None = None
    mode: LoopMode = "long"
    entry: str = ""
    """A symbol or an offset; empty: an ELF file's entry, else the first byte."""
    reset: str = ""
    """Empty: no CPU can be handed back."""
    registers: GivenRegisters = USUAL
    load: tuple[str, ...] = ()
    """ADDR=FILE: more bytes in memory."""
    plan: str = ""
    """What the built-in OS does with its CPUs; empty: a kernel wakes them."""
    find: Find = "tree"
    """Where that OS looks for the mailbox."""


def loop_image(name: str) -> Image:
    """An ELF file, or any other as the bytes that it is; raises ImageError."""
    path = Path(name)
    data = read_file(path, FILE_BYTES_MAX, ImageError)
    if data[: len(ELF)] == ELF:
        return parse_image(path, data)
    if not data:
        raise ImageError(f"{path}: is empty")
    return Image(path, "pie", 0, (ImageSegment(0, data, len(data), _CODE),), (), data)


def loaded(words: tuple[str, ...]) -> tuple[tuple[int, bytes], ...]:
    """(GPA, bytes) of each ADDR=FILE; raises ImageError or PlatformError."""
    return tuple(
        (at, read_file(path, FILE_BYTES_MAX, ImageError))
        for at, path in map(address_and_file, words)
    )


def address_and_file(word: str) -> tuple[int, Path]:
    """The two of `ADDR=FILE`; raises PlatformError."""
    address, _, name = word.partition("=")
    at = parsed(address)
    if at is None or not 0 <= at < ADDRESS_END or not name:
        raise PlatformError(f"--load {shown(word)}: is written ADDR=FILE, below 4 GiB")
    return at, Path(name)


def place_in(loop: Placed, word: str, what: str) -> int:
    """The address of a symbol, or of an offset from the first byte; raises PlatformError."""
    image = loop.image
    if begins_a_number(word):
        offset = parsed(word)
        if offset is None or offset >= image.size:
            raise PlatformError(
                f"{what} {word}: {image.path} has {image.size:#x} bytes in memory"
            )
        return loop.start + offset
    found = next((one.address for one in image.symbols if one.name == word), None)
    if found is None:
        raise PlatformError(f"{what} {word}: {image.path} has no such symbol")
    return found + loop.bias


def loop_of(table: TomlTable) -> ApLoop:
    """What a platform's file says of a loop; raises PlatformError."""
    usual = {name: what for name, what in USUAL if name == "rsp"}
    given = table.values.get("registers", dict(USUAL))
    good = isinstance(given, dict) and all(
        name in REGISTERS and (what in MEANINGS or (is_whole(what) and 0 <= what <= U64))
        for name, what in given.items()
    )
    if not good:
        words = ", ".join(MEANINGS)
        raise table.wrong("registers", f"64-bit registers, each one of {words}, or a number")
    return ApLoop(
        at=table.address("at"),
        mailbox=table.address("mailbox"),
        mode=table.one_of("mode", "long", MODES),
        entry=table.place("entry"),
        reset=table.place("reset"),
        registers=tuple((usual | given).items()),
        load=_loaded(table),
        plan=table.text("plan"),
        find=table.one_of("find", "tree", FINDS),
    )


def _loaded(table: TomlTable) -> tuple[str, ...]:
    """Files that lie in memory."""
    if "load" not in table.values:
        return ()
    given = table.values["load"]
    good = isinstance(given, list) and given and all(isinstance(one, str) for one in given)
    if not good:
        raise table.wrong("load", 'a list of "ADDR=FILE"')
    for one in given:
        address_and_file(one)
    return tuple(given)
