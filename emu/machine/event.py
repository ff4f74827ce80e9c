"""What happened, in order: one line of the log with the moment it belongs to."""

from dataclasses import dataclass
from typing import Literal

EventKind = Literal[
    "milestone", "mailbox", "exit", "state", "fault", "serial", "stop", "inject"
]


@dataclass(frozen=True, slots=True)
class MailboxWrite:
    """One field of the mailbox page changed (ACPI 6.6, 5.2.12.19)."""

    field: str
    old: int
    new: int
    symbol: str
    """Where the writer was, as name and offset; `host` for a write by the VMM."""


@dataclass(frozen=True, slots=True)
class Milestone:
    """A named point of the boot that a CPU reached."""

    name: str


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `cpu` None for what belongs to no CPU."""

    tick: int
    virtual_ns: int
    cpu: int | None
    kind: EventKind
    text: str
    detail: MailboxWrite | Milestone | None = None
