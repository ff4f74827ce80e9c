"""Observations as a test writes them down: who did what, without tick and address."""

from typing import Final, Literal

from emu.mailbox.course import Course
from emu.mailbox.dialect import BY_NAME as DIALECTS
from emu.mailbox.layout import Head
from emu.mailbox.observation import (
    Ack,
    Arrived,
    Called,
    Circled,
    Ended,
    Handed,
    Observation,
    Opened,
    Raced,
    Reading,
    Refused,
    Reused,
    Started,
    StoodStill,
    Stored,
    Waited,
)
from emu.mailbox.rules import BY_NAME

Said = list[tuple[int | None, str]]
"""(CPU, sentence) of each time that a rule was broken."""
APIC_IDS: Final = (0, 2, 4, 6)
VECTOR: Final = 0x840_28C0
IDLE: Final = Head(0, 0, 0, 0)


def said(name: str, seen: list[Observation], dialect: str = "", is_td: bool = False) -> Said:
    """What one rule says of a course of events."""
    rule, course = BY_NAME[name], Course(APIC_IDS, DIALECTS.get(dialect), is_td)
    found: Said = []
    for one in seen:
        for broken in rule.look(one, course) if type(one) in rule.sees else ():
            found.append((one.cpu if broken.cpu is None else broken.cpu, broken.text))
        course.add(one)
    return found


def head(command: int = 0, apic_id: int = 0, vector: int = 0, reserved: int = 0) -> Head:
    """The four fields by name."""
    return Head(command, reserved, apic_id, vector)


def stored(
    cpu: int | None,
    before: Head,
    after: Head,
    ack: Ack | None = None,
    offset: int = 0,
    size: int = 2,
    memory_type: str = "WB",
) -> Stored:
    """A store to the mailbox page."""
    data = bytes(size)
    return Stored(1, 1, cpu, 0x1000, offset, data, data, before, after, ack, memory_type)


def woken(cpu: int, by: int | None = 0) -> list[Observation]:
    """Whoever it is sends a Wakeup to a CPU."""
    return [stored(by, IDLE, head(1, APIC_IDS[cpu], VECTOR))]


def acked(
    cpu: int, by: int | None = None, reading: Reading = "before", refused: str = ""
) -> list[Observation]:
    """The CPU, or another one, clears that Wakeup."""
    ack = Ack(reading, refused, True)
    before, after = head(1, APIC_IDS[cpu], VECTOR), head(0, APIC_IDS[cpu], VECTOR)
    return [stored(cpu if by is None else by, before, after, ack)]


def clears(cpu: int, of: Head, vector: int | None = VECTOR) -> Stored:
    """A CPU stores a Noop over what the mailbox holds, and goes to a vector or (None) stays."""
    ack = Ack("unknown", "", vector is not None, vector)
    return stored(cpu, of, Head(0, of.reserved, of.apic_id, of.vector), ack)


def arrived(
    cpu: int, name: str, mode: str = "long", interrupts: bool = False, rsp: int = 0
) -> Arrived:
    """A CPU comes to a place that plays a role, or to its vector."""
    roles = {"vector": ("arrived",), "parked": ("parked", "own-stack")}.get(name, (name,))
    return Arrived(1, 1, cpu, 0x1000, name, roles, mode, interrupts, rsp)


def parked(cpu: int, rsp: int = 0) -> list[Observation]:
    """A CPU reaches its mailbox loop."""
    return [arrived(cpu, "parked", rsp=rsp)]


def handed(
    mailbox: tuple[str, ...] = (),
    tables: tuple[str, ...] = (),
    reset: tuple[str, ...] = (),
    reserved: int = 0,
    ignored: tuple[str, ...] = (),
) -> list[Observation]:
    """The OS is entered."""
    return [
        arrived(0, "os-entry"),
        Handed(1, 1, 0, 0x1000, mailbox, tables, reset, reserved, ignored),
    ]


def waited(
    cpu: int, on: Literal["mailbox", "record", ""], bounded: bool, pauses: bool = True
) -> list[Observation]:
    """A CPU goes round in a loop."""
    return [Waited(1, 1, cpu, 0x1000, on, bounded, pauses)]


def asked(cpu: int, status: int, *shown: tuple[str, int]) -> list[Observation]:
    """A CPU's call to the host comes back."""
    return [Called(1, 1, cpu, 0x1000, "TDG.VP.VMCALL RDMSR", status, shown)]


def opened(cpu: int, gpa: int, pages: int, bytes_set: int) -> list[Observation]:
    """A CPU opens pages to the host."""
    return [Opened(1, 1, cpu, 0x1000, gpa, pages, bytes_set)]


def started(cpu: int, target: int) -> list[Observation]:
    """A CPU has another one started."""
    return [Started(1, 1, cpu, 0x1000, target, "StartVirtualProcessor")]


def reused(cpu: int | None, users: tuple[int, ...]) -> list[Observation]:
    """A page that others run on is written."""
    return [Reused(1, 1, cpu, 0x1000, 0x8800000, users)]


def refused(cpu: int) -> list[Observation]:
    """An access to the mailbox does not get there."""
    return [Refused(1, 1, cpu, 0x1000, 0xFFFFF000, "the access is private")]


def raced(cpu: int, other: int) -> list[Observation]:
    """Two CPUs touch one byte in no order."""
    return [Raced(1, 1, cpu, 0x1000, 0x8800000, other, "work+0x10")]


def still(
    cpu: int, how: Literal["fault", "halted", "loop"], why: str, meant: bool = False
) -> list[Observation]:
    """The machine stopped, and a CPU had come to where nothing moves it on."""
    return [StoodStill(1, 1, cpu, 0x1000, how, why, meant)]


def circled(*members: int) -> list[Observation]:
    """The machine stopped, and these wait for each other."""
    return [Circled(1, 1, members[0], 0x1000, members, True, "cpu 0 waits; cpu 2 waits")]


def ended(cpu: int | None, left: Head) -> list[Observation]:
    """The machine stopped with this in its mailbox."""
    return [Ended(1, 1, cpu, 0x1000, "degraded", left)]
