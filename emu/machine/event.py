"""What happened, in order: one line of the log with the moment it belongs to."""

from typing import Literal

from msgspec import Struct

from emu.boot.roles import Role
from emu.vmm.asked import Asked

EventKind = Literal[
    "milestone", "mailbox", "exit", "state", "fault", "serial", "log", "stop", "inject"
]
"""`log`: a line that the guest has logged in its own memory, at the instruction that finished
it."""


class MailboxWrite(Struct, frozen=True):
    """One field of the mailbox page changed (ACPI 6.6, 5.2.12.19)."""

    field: str
    old: int
    new: int
    symbol: str
    """Where the writer was, as name and offset; `host` for a write by the VMM."""


class Milestone(Struct, frozen=True):
    """A named point of the boot that a CPU reached."""

    name: str
    roles: tuple[Role, ...] = ()


class Logged(Struct, frozen=True):
    """A line that the guest has logged in its own memory."""

    level: str = ""
    """How much it matters, in the guest's own word (`error`, `info`); empty where it says
    none."""


class Arrival(Struct, frozen=True):
    """Something that one CPU sent arrives at another, or is dropped there."""

    sender: int


PlugMoment = Literal["asked", "ejected", "plugged"]


class HotPlug(Struct, frozen=True):
    """A CPU goes or comes: its guest is asked for it, gives it back, or has it again."""

    plugged: int
    """The CPU, which is not always the one of the event."""
    moment: PlugMoment


EventDetail = HotPlug | MailboxWrite | Milestone | Logged | Arrival | Asked | None


class Event(Struct, frozen=True):
    """One event; `cpu` None for what belongs to no CPU."""

    tick: int
    virtual_ns: int
    cpu: int | None
    kind: EventKind
    text: str
    detail: EventDetail = None
