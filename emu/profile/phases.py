"""The phases of a boot that an image can have, and which of them an event belongs to."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from msgspec import Struct

from emu.boot.roles import HOST_STEPS, Role
from emu.machine.board import Board
from emu.machine.event import Event, MailboxWrite, Milestone
from emu.mailbox.ap import NOOP, WAKEUP

By = Literal["bsp", "aps"]


class PhaseKind(Struct, frozen=True):
    """A stretch of a boot: by which role it is known, and who comes there."""

    name: str
    by: By
    role: Role | None = None
    steps: tuple[str, ...] = ()
    """How far an AP is that is in it (`emu.mailbox.ap`); empty: it is of the BSP alone."""


PHASES: Final = (
    PhaseKind("reset", "bsp"),
    PhaseKind("shim", "bsp"),
    PhaseKind("hypercalls", "bsp"),
    PhaseKind("memory", "bsp"),
    PhaseKind("tables", "bsp"),
    PhaseKind("start APs", "bsp", steps=("starting", "left")),
    PhaseKind("parked", "aps", role="parked", steps=("parked",)),
    PhaseKind("kernel", "bsp", role="os-entry"),
    PhaseKind("wake-up", "bsp", role="waking", steps=("woken",)),
    PhaseKind("ack", "aps", role="ack", steps=("acked",)),
    PhaseKind("arrived", "aps", role="arrived", steps=("arrived",)),
    PhaseKind("online", "aps", role="online", steps=("online",)),
    PhaseKind("done", "bsp"),
)
"""In the order in which a boot by the mailbox goes through them (ACPI 6.6, 5.2.12.19: firmware
parks the APs, hands over, and the OS wakes them)."""
_FIRST: Final = PHASES[:2]
"""Where our own images begin: at the reset vector, or where the host enters the shim."""
START: Final = "start"
"""The first phase of an image whose way to its entry is not known."""
_SEEN: Final = ("start APs", "parked", "wake-up", "ack", "arrived")
"""Phases of APs that are seen wherever there is a mailbox, by what CPUs do."""

_SWITCHES_OFF: Final = "switches the machine off"


def phases_of(board: Board) -> tuple[PhaseKind, ...]:
    """The phases that this machine's images can have, in order."""
    named = {point.phase for point in board.roles.points.values()}
    boxed = bool(board.roles.of("parked")) or board.mailbox_gpa is not None

    def has(phase: PhaseKind) -> bool:
        if phase.steps and len(board.cpus) == 1:
            return False
        if phase.name == "arrived" and board.roles.of("online"):
            return False
        known = phase.role is not None and bool(board.roles.of(phase.role))
        return known or phase.name in named or (boxed and phase.name in _SEEN)

    found = tuple(filter(has, PHASES))
    return found if found[:1] and found[0] in _FIRST else (PhaseKind(START, "bsp"), *found)


_BY_ROLE: Final = {one.role: one for one in PHASES if one.role is not None}


def named_phases(board: Board) -> dict[str, str]:
    """By milestone: the phase that it begins."""
    points = board.roles.points.values()
    own: dict[str, str] = {
        point.name: point.phase for point in points if point.phase is not None
    }
    return own if board.roles.known else own | dict(zip(HOST_STEPS, HOST_STEPS, strict=True))


def told_by(event: Event, named: Mapping[str, str]) -> Iterable[str]:
    """The phases that an event belongs to."""
    detail, bsp = event.detail, event.cpu == 0
    if isinstance(detail, MailboxWrite):
        if detail.field == "command" and detail.new == WAKEUP:
            yield "wake-up"
        elif detail.field == "command" and (detail.old, detail.new) == (WAKEUP, NOOP):
            yield "ack"
    elif isinstance(detail, Milestone):
        if bsp and detail.name in named:
            yield named[detail.name]
        for phase in map(_BY_ROLE.get, detail.roles):
            if phase is not None and bsp == (phase.by == "bsp"):
                yield phase.name
    if event.cpu:
        yield "start APs"
    elif event.kind == "state" and event.text == _SWITCHES_OFF:
        yield "done"
