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
    homes: frozenset[int]
    history: dict[int, ApHistory]


class LiveAps:
    """The state machine of the APs, stepped by the machine."""

    def __init__(self, apic_ids: tuple[int, ...]) -> None:
        self._aps = Aps(apic_ids)
        self.history: dict[int, ApHistory] = {}
        """By AP; those that never reached the mailbox are absent."""

    def save(self) -> SavedAps:
        """Everything, for `load`."""
        aps = self._aps
        return SavedAps(dict(aps.states), frozenset(aps.homes), dict(self.history))

    def load(self, saved: SavedAps) -> None:
        """Be again what `save` saw."""
        self._aps.states, self._aps.homes = dict(saved.states), set(saved.homes)
        self.history = dict(saved.history)

    def of(self, cpu: int) -> ApState:
        """Where a CPU stands."""
        return self._aps.of(cpu)

    def is_parked(self, cpu: int) -> bool:
        """Whether a CPU is in the mailbox loop, woken or not."""
        steps = [one.step for one in self.history.get(cpu, ())[-2:]]
        return self.of(cpu) == "parked" or steps == ["parked", "woken"]

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

    def waited(self, cpu: int, at: int, tick: int, virtual_ns: int) -> bool:
        """A CPU begins to wait at the mailbox, in a loop that begins at an address; whether
        that changes its state."""
        moved = self._aps.waited(cpu, at)
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
