"""The phases of a boot that an image can have, and when each was come to first."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from msgspec import Struct

from emu.boot.roles import HOST_STEPS, Role
from emu.machine.board import Board
from emu.machine.event import Event, MailboxWrite, Milestone
from emu.mailbox.ap import NOOP, WAKEUP
from emu.picture.view import PhaseView

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

_IF_COME_TO: Final = ("hypercalls", "memory", "done")
"""Phases that a shim has without symbols of ours if its host has seen them."""
_SWITCHES_OFF: Final = "switches the machine off"

Reached = tuple[int, int | None]
"""The tick and the CPU of an event."""


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


class PhaseIndex:
    """By phase: the first event that says that somebody came to it, on one branch."""

    def __init__(self, named: Mapping[str, str]) -> None:
        """`named`: by milestone, the phase that it begins."""
        self._named = named
        self.firsts: dict[str, Reached] = {}

    def take(self, event: Event) -> None:
        """One more event of the log."""
        for name in _told(event, self._named):
            self.firsts.setdefault(name, (event.tick, event.cpu))

    def views(self, board: Board) -> tuple[PhaseView, ...]:
        """The phases of a machine; what lies ahead of this moment is known, and not reached."""
        found, begin = [], (0, 0)
        for index, phase in enumerate(self._of(board)):
            tick, cpu = self.firsts.get(phase.name, (None, None)) if index else begin
            reached = tick is not None and tick <= board.tick
            found.append(
                PhaseView(phase.name, phase.by == "bsp", phase.steps, reached, tick, cpu)
            )
        return tuple(found)

    def _of(self, board: Board) -> tuple[PhaseKind, ...]:
        """Those that the images can have, and what the host has seen of others."""
        some = phases_of(board)
        if board.roles.known or len(some) == 1:
            return some
        seen = {one for one in _IF_COME_TO if one in self.firsts}
        found = tuple(one for one in PHASES if one in some or one.name in seen)
        return found if some[0] in PHASES else (some[0], *found)


_BY_ROLE: Final = {one.role: one for one in PHASES if one.role is not None}


def named_phases(board: Board) -> dict[str, str]:
    """By milestone: the phase that it begins."""
    points = board.roles.points.values()
    own: dict[str, str] = {
        point.name: point.phase for point in points if point.phase is not None
    }
    return own if board.roles.known else own | dict(zip(HOST_STEPS, HOST_STEPS, strict=True))


def _told(event: Event, named: Mapping[str, str]) -> Iterable[str]:
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
