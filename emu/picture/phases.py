"""The phases of a boot that an image can have, and when each was come to first."""

from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct

from emu.boot.roles import Role
from emu.machine.board import Board
from emu.machine.event import Event, MailboxWrite, Milestone
from emu.mailbox.ap import NOOP, WAKEUP
from emu.picture.view import PhaseView

By = Literal["bsp", "aps"]


class Phase(Struct, frozen=True):
    """A stretch of a boot: by which places and roles it is known, and who comes there."""

    name: str
    by: By
    points: tuple[str, ...] = ()
    """Milestones of our own images."""
    role: Role | None = None
    steps: tuple[str, ...] = ()
    """How far an AP is that is in it (`emu.mailbox.ap`); empty: it is of the BSP alone."""


PHASES: Final = (
    Phase("reset", "bsp", ("reset_entry",)),
    Phase("shim", "bsp", ("_start", "shim_main")),
    Phase("tables", "bsp", ("build_ap_tables",)),
    Phase("start APs", "bsp", ("start_aps",), steps=("starting", "left")),
    Phase("parked", "aps", role="parked", steps=("parked",)),
    Phase("kernel", "bsp", role="os-entry"),
    Phase("wake-up", "bsp", role="waking", steps=("woken",)),
    Phase("ack", "aps", role="ack", steps=("acked",)),
    Phase("arrived", "aps", role="arrived", steps=("arrived",)),
    Phase("online", "aps", role="online", steps=("online",)),
    Phase("done", "bsp", ("kernel_done",)),
)
"""In the order in which a boot by the mailbox goes through them (ACPI 6.6, 5.2.12.19: firmware
parks the APs, hands over, and the OS wakes them)."""
_FIRST: Final = PHASES[:2]
"""Where our own images begin: at the reset vector, or where the host enters the shim."""
START: Final = "start"
"""The first phase of an image whose way to its entry is not known."""
_SEEN: Final = ("start APs", "parked", "wake-up", "ack", "arrived")
"""Phases of APs that are seen wherever there is a mailbox, by what CPUs do."""

Reached = tuple[int, int | None]
"""The tick and the CPU of an event."""


def phases_of(board: Board) -> tuple[Phase, ...]:
    """The phases that this machine's images can have, in order."""
    names = {point.name for point in board.roles.points.values()}
    boxed = bool(board.roles.of("parked")) or board.mailbox_gpa is not None

    def has(phase: Phase) -> bool:
        if phase.steps and len(board.cpus) == 1:
            return False
        if phase.name == "arrived" and board.roles.of("online"):
            return False
        known = phase.role is not None and bool(board.roles.of(phase.role))
        return known or bool(names & set(phase.points)) or (boxed and phase.name in _SEEN)

    found = tuple(filter(has, PHASES))
    return found if found[:1] and found[0] in _FIRST else (Phase(START, "bsp"), *found)


class PhaseIndex:
    """By phase: the first event that says that somebody came to it, on one branch."""

    def __init__(self) -> None:
        self.firsts: dict[str, Reached] = {}

    def take(self, event: Event) -> None:
        """One more event of the log."""
        for name in _told(event):
            self.firsts.setdefault(name, (event.tick, event.cpu))

    def views(self, board: Board) -> tuple[PhaseView, ...]:
        """The phases of a machine; what lies ahead of this moment is known, and not reached."""
        found, begin = [], (0, 0)
        for index, phase in enumerate(phases_of(board)):
            tick, cpu = self.firsts.get(phase.name, (None, None)) if index else begin
            reached = tick is not None and tick <= board.tick
            found.append(
                PhaseView(phase.name, phase.by == "bsp", phase.steps, reached, tick, cpu)
            )
        return tuple(found)


_BY_POINT: Final = {point: one for one in PHASES for point in one.points}
_BY_ROLE: Final = {one.role: one for one in PHASES if one.role is not None}


def _told(event: Event) -> Iterable[str]:
    """The phases that an event belongs to."""
    detail, bsp = event.detail, event.cpu == 0
    if isinstance(detail, MailboxWrite):
        if detail.field == "command" and detail.new == WAKEUP:
            yield "wake-up"
        elif detail.field == "command" and (detail.old, detail.new) == (WAKEUP, NOOP):
            yield "ack"
    elif isinstance(detail, Milestone):
        named = [_BY_POINT.get(detail.name), *map(_BY_ROLE.get, detail.roles)]
        for phase in named:
            if phase is not None and bsp == (phase.by == "bsp"):
                yield phase.name
    if event.cpu:
        yield "start APs"
