"""Tiny guests: 1 to 8 CPUs that run a few lines of assembly from the first tick on.

    driver = Guest("start: mov dword ptr [{SHARED}], 7\n hlt").driver()
    board = finish(driver)
    assert word(board, SHARED) == 7

`Guest.machine`, `driver` and `timeline` build as much as a test needs; `boot` a whole session.

A program is Intel syntax; `{NAME}` stands for the addresses below. Every CPU begins at the
label `cpuN` of its number, or at `start`, in 64-bit mode with RDI = its number, RSP = the top
of a page of its own, and identity tables over the whole memory. A label `handlerN` is the
interrupt gate of vector N. Nothing else is there: no shim, no kernel, no device tree, and
unless somebody asks for it no mailbox.
"""

import re
import struct
import subprocess
import sys
import tempfile
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from elftools.elf.elffile import ELFFile
from msgspec import Struct, field
from msgspec.structs import replace

from emu import Session
from emu.boot.contracts import flat
from emu.boot.entry import EntryState, long_mode
from emu.boot.image import Placed, parse_image
from emu.boot.layout import GDT as DESCRIPTORS
from emu.boot.layout import BootLayout, Region
from emu.boot.mwait import Depth
from emu.boot.platform import Platform
from emu.debug.setup import Options, Setup
from emu.hw.address import PAGE_BYTES
from emu.machine.board import Board
from emu.machine.machine import Machine
from emu.machine.pause import Pause
from emu.timeline.driver import Driver
from emu.timeline.moment import Moment
from emu.timeline.timeline import Timeline
from emu.vmm.devices import STANDARD, Devices
from tests.boot.elf import EXECUTABLE, NOTYPE, Load, Sym, elf
from tests.platforms import load_platform

BASE: Final = 0x40_0000
MEMORY_BYTES: Final = 0x20_0000
PML4, PDPT, PD, PT = BASE, BASE + 0x1000, BASE + 0x2000, BASE + 0x3000
PT2: Final = BASE + 0x4000
"""The table behind `WINDOW`: nothing is mapped there until a program maps it."""
IDT, GDT, MAILBOX = BASE + 0x5000, BASE + 0x6000, BASE + 0x7000
STACKS: Final = BASE + 0x8000
CODE: Final = BASE + 0x1_0000
SHARED: Final = BASE + 0x2_0000
DATA: Final = BASE + 0x3_0000
"""From here to the end of memory: pages that nobody has touched."""
WINDOW: Final = BASE + MEMORY_BYTES
"""2 MiB of addresses whose leaves, at PT2, are the program's to write."""
CPUS_MAX: Final = 8
FOREVER: Final = Moment(60_000_000)
"""Later than any of these guests ends."""
X2APIC: Final = """
    mov ecx, 0x1b
    rdmsr
    or eax, 0xc00
    wrmsr
    mov ecx, 0x80f
    xor edx, edx
    mov eax, 0x1ff
    wrmsr
"""
"""x2APIC mode, and the APIC is switched on (SDM 3, 11.12.1 and 11.4.3)."""
_NAMES: Final = {
    name: f"{place:#x}"
    for name, place in (
        ("PT", PT), ("PT2", PT2), ("MAILBOX", MAILBOX), ("SHARED", SHARED), ("DATA", DATA),
        ("WINDOW", WINDOW), ("STACKS", STACKS), ("IDT", IDT),
    )
}  # fmt: skip
_PRESENT_WRITABLE: Final = 3
_INTERRUPT_GATE: Final = 0x8E00
_OSFXSR: Final = 1 << 9
"""CR4: SSE may be used."""
_ASSEMBLE: Final = (
    sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-freestanding", "-c",
    "-x", "assembler",
)  # fmt: skip
_LABEL: Final = re.compile(r"^\s*([A-Za-z_]\w*):", re.MULTILINE)


class Program(Struct, frozen=True):
    """Machine code for CODE, and the addresses of its labels."""

    code: bytes
    labels: dict[str, int]


def assembled(*sources: str) -> tuple[Program, ...]:
    """Every source as a program of its own, all by one run of the assembler."""
    parts = [".intel_syntax noprefix"]
    for number, source in enumerate(sources):
        text = re.sub(r"\{(\w+)\}", lambda found: _NAMES[found[1]], source)
        own = "|".join(_LABEL.findall(text))
        if own:
            text = re.sub(rf"\b(?:{own})\b", rf"\g<0>__{number}", text)
        parts.append(f'.section .p{number},"ax"\n{text}\n')
    with tempfile.TemporaryDirectory() as folder:
        place, built = Path(folder, "guest.s"), Path(folder, "guest.o")
        place.write_text("\n".join(parts))
        result = subprocess.run(
            [*_ASSEMBLE, str(place), "-o", str(built)],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        file: Any = ELFFile(BytesIO(built.read_bytes()))
    assert not any(part.name.startswith(".rela.p") for part in file.iter_sections())
    labels: list[dict[str, int]] = [{} for _ in sources]
    for symbol in file.get_section_by_name(".symtab").iter_symbols():
        name, mark, number = symbol.name.rpartition("__")
        if mark:
            labels[int(number)][name] = CODE + symbol["st_value"]
    return tuple(
        Program(file.get_section_by_name(f".p{number}").data(), found)
        for number, found in enumerate(labels)
    )


@lru_cache(maxsize=64)
def program(source: str) -> Program:
    """One source; the same again costs nothing."""
    return assembled(source)[0]


def table(*leaves: tuple[int, int]) -> bytes:
    """A page of 64-bit entries, (index, value)."""
    page = bytearray(PAGE_BYTES)
    for index, value in leaves:
        struct.pack_into("<Q", page, 8 * index, value)
    return bytes(page)


def _gates(labels: dict[str, int]) -> bytes:
    """The IDT: a gate for every label `handlerN`."""
    page = bytearray(PAGE_BYTES)
    for name, at in labels.items():
        if re.fullmatch(r"handler\d+", name):
            gate = struct.pack(
                "<HHHHII", at & 0xFFFF, 0x10, _INTERRUPT_GATE, at >> 16 & 0xFFFF, at >> 32, 0
            )
            page[16 * int(name[7:]) : 16 * int(name[7:]) + 16] = gate
    return bytes(page)


def _chunks(code: Program) -> tuple[tuple[int, bytes], ...]:
    """What lies where before the first instruction."""
    pages = range(BASE, BASE + MEMORY_BYTES, PAGE_BYTES)
    identity = ((index, page | _PRESENT_WRITABLE) for index, page in enumerate(pages))
    return (
        (PML4, table((0, PDPT | _PRESENT_WRITABLE))),
        (PDPT, table((0, PD | _PRESENT_WRITABLE))),
        (PD, table((2, PT | _PRESENT_WRITABLE), (3, PT2 | _PRESENT_WRITABLE))),
        (PT, table(*identity)),
        (IDT, _gates(code.labels)),
        (GDT, DESCRIPTORS),
        (CODE, code.code),
    )


def layout_of(
    code: Program, cpus: int, mailbox: bool, regions: tuple[Region, ...] = ()
) -> BootLayout:
    """The guest as the machine wants it: every CPU at its label from the first tick on, and
    `regions` beside those that are there anyway."""
    symbols = tuple(Sym(name, at, type=NOTYPE) for name, at in sorted(code.labels.items()))
    image = parse_image(
        Path("guest"), elf(Load(CODE, code.code), kind=EXECUTABLE, symbols=symbols)
    )
    layout = flat.laid(
        Placed("guest", image, 0), ((BASE, MEMORY_BYTES),), _chunks(code),
        tuple(_entry(code.labels, cpu) for cpu in range(cpus)),
        mailbox=MAILBOX if mailbox else None,
    )  # fmt: skip
    return replace(layout, regions=(*layout.regions, *regions))


def _entry(labels: dict[str, int], cpu: int) -> EntryState:
    state = long_mode(CODE, 0, PML4, GDT, len(DESCRIPTORS))
    return replace(
        state, rip=labels.get(f"cpu{cpu}", labels.get("start", CODE)), rdi=cpu,
        rsp=STACKS + PAGE_BYTES * (cpu + 1), cr4=state.cr4 | _OSFXSR, idt_base=IDT,
        idt_limit=PAGE_BYTES - 1,
    )  # fmt: skip


class GuestSetup(Setup, frozen=True, kw_only=True):
    """A setup whose machine has every CPU at its first instruction."""

    program: Program
    mailbox: bool = False
    regions: tuple[Region, ...] = ()
    waiting: bool = True
    devices: Devices = STANDARD

    def layout(self) -> BootLayout:
        """Where everything lies."""
        return layout_of(self.program, self.platform.present, self.mailbox, self.regions)

    def machine(self) -> Machine:
        """The machine before its first tick."""
        machine = super().machine()
        machine.waits.on = self.waiting
        machine.board.devices = self.devices
        return machine


class Guest(Struct, frozen=True):
    """What to boot: a program, on how many CPUs of which platform."""

    source: str | Program
    cpus: int = 1
    platform: str = "none"
    mailbox: bool = False
    regions: tuple[Region, ...] = ()
    waiting: bool = True
    devices: Devices = STANDARD
    speeds: tuple[float, ...] = ()
    absent: int = 0
    """So many of the CPUs, the last ones, are not there at first."""
    mwait: tuple[Depth, ...] = ()
    """The depths of MWAIT that the platform offers."""
    max_ticks: int = 1_000_000
    options: Options = field(default_factory=Options)

    def setup(self) -> GuestSetup:
        """What its machine is built from."""
        code = program(self.source) if isinstance(self.source, str) else self.source
        layout = layout_of(code, self.cpus - self.absent, self.mailbox, self.regions)
        return GuestSetup(
            options=self.options, platform_text="", image=layout.placed[0].image,
            kernel=None, reset=None, platform=self._platform(), seed=0, initrd=b"",
            cmdline="", host_dtb=None, max_ticks=self.max_ticks, program=code,
            mailbox=self.mailbox, regions=self.regions, waiting=self.waiting,
            devices=self.devices,
        )  # fmt: skip

    def machine(self) -> Machine:
        """A machine before the first tick."""
        return self.setup().machine()

    def driver(self) -> Driver:
        """The same with its schedule."""
        return Driver(self.machine())

    def timeline(self) -> Timeline:
        """The same with its past."""
        return Timeline(self.machine())

    def boot(self) -> Session:
        """A session before the first tick."""
        return Session(self.setup())

    def _platform(self) -> Platform:
        platform = _platforms(self.platform, self.cpus)
        platform = replace(platform, absent=self.absent, mwait=self.mwait)
        return replace(platform, speeds=self.speeds) if self.speeds else platform


@lru_cache(maxsize=64)
def _platforms(name: str, cpus: int) -> Platform:
    return load_platform(name, cpus=cpus)


def boot(source: str | Program, cpus: int = 1, platform: str = "none", **more: Any) -> Session:
    """A session before the first tick of a guest; `more` as in `Guest`."""
    return Guest(source, cpus, platform, **more).boot()


def finish(driver: Driver, until: Moment = FOREVER) -> Board:
    """Run to a moment, or to where nothing more happens."""
    driver.drive(until)
    return driver.machine.board


def go_on(driver: Driver, until: Moment = FOREVER) -> Pause:
    """Run to a moment or a breakpoint, or to where nothing more happens."""
    pause = Pause.SLICE
    while pause is Pause.SLICE:
        pause = driver.stretch(until)
    return pause


def label(board: Board, name: str) -> int:
    """The address of a label of the program."""
    return board.layout.symbols.find(name)[0]


def step_to(machine: Machine, cpu: int, name: str) -> None:
    """Step a CPU by hand until it is about to execute at a label."""
    at, one = label(machine.board, name), machine.board.cpus[cpu]
    for _ in range(10_000):
        if one.registers.rip == at:
            return
        machine.steps(one)
    raise AssertionError(f"cpu {cpu} does not come to {name}")


def word(board: Board, gpa: int, count: int = 8) -> int:
    """A little-endian number in guest memory."""
    data = board.ram.guest_bytes(gpa, count)
    assert data is not None, f"no memory at {gpa:#x}"
    return int.from_bytes(data, "little")


def read(session: Session, gpa: int, count: int = 8) -> int:
    """The same of a session's machine."""
    return word(session.machine.board, gpa, count)
