"""How far each CPU is, live: its state with when it came to be and by whose doing."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from msgspec import Struct

from emu.mailbox.ap import Aps, ApState
from emu.mailbox.layout import Head

STEPS_MAX: Final = 24
"""Steps of one AP that are remembered; of more, the newest."""


class ApStep(Struct, frozen=True):
    """One step of an AP: when it was taken, and by whose doing (None: the host's)."""

    step: ApState
    tick: int
    virtual_ns: int
    by: int | None


ApHistory = tuple[ApStep, ...]
"""Steps of one AP, oldest first."""


class SavedAps(NamedTuple):
    """What a LiveAps was at one moment."""

    states: dict[int, ApState]
    history: dict[int, ApHistory]


class LiveAps:
    """The state machine of the APs, stepped by the machine."""

    def __init__(self, apic_ids: tuple[int, ...]) -> None:
        self._aps = Aps(apic_ids)
        self.history: dict[int, ApHistory] = {}
        """By AP; those that never reached the mailbox are absent."""

    def save(self) -> SavedAps:
        """Everything, for `load`."""
        return SavedAps(dict(self._aps.states), dict(self.history))

    def load(self, saved: SavedAps) -> None:
        """Be again what `save` saw."""
        self._aps.states, self.history = dict(saved.states), dict(saved.history)

    def of(self, cpu: int) -> ApState:
        """Where a CPU stands."""
        return self._aps.of(cpu)

    def is_called(self, cpu: int) -> bool:
        """Whether a CPU was woken, and has not arrived."""
        return self._aps.of(cpu) in ("woken", "acked")

    def started(self, cpu: int) -> None:
        """A CPU begins at its first instruction."""
        self._aps.started(cpu)

    def reached(self, cpu: int, roles: Iterable[str], tick: int, virtual_ns: int) -> bool:
        """A CPU is at a place that plays roles; whether that changes its state."""
        moved = [who for role in roles for who in self._aps.reached(cpu, role)]
        self._note(moved, tick, virtual_ns, cpu)
        return bool(moved)

    def waited(self, cpu: int, tick: int, virtual_ns: int) -> bool:
        """A CPU begins to wait at the mailbox; whether that changes its state."""
        moved = self._aps.waited(cpu)
        self._note(moved, tick, virtual_ns, cpu)
        return bool(moved)

    def commanded(
        self, writer: int | None, before: Head, after: Head, tick: int, virtual_ns: int
    ) -> bool:
        """The mailbox's command became another; whether that changes the writer's state."""
        moved = self._aps.commanded(writer, before, after)
        self._note(moved, tick, virtual_ns, writer)
        return writer in moved

    def _note(self, moved: Iterable[int], tick: int, virtual_ns: int, by: int | None) -> None:
        for cpu in moved:
            step = ApStep(self._aps.of(cpu), tick, virtual_ns, by)
            self.history[cpu] = (*self.history.get(cpu, ()), step)[-STEPS_MAX:]
