"""How far each AP is in the wake-up protocol, told by what is seen on the page and in code."""

from typing import Final, Literal

from msgspec import Struct

ApStep = Literal["parked", "woken", "acked", "online", "offline"]

BY_MILESTONE: Final[dict[str, ApStep]] = {
    "mailbox_wait": "parked",
    "secondary_online": "online",
    "mailbox_reset_vector": "offline",
}
"""What reaching a named place says of the AP that reaches it."""
_WAKEUP: Final = 1
_NOOP: Final = 0


STEPS_MAX: Final = 24
"""Steps of one AP that are remembered; of more, the newest."""


class Reached(Struct, frozen=True):
    """One step of an AP: when it was taken, and by whose doing (None: the host's)."""

    step: ApStep
    tick: int
    virtual_ns: int
    by: int | None


ApHistory = tuple[Reached, ...]
"""Steps of one AP, oldest first; never empty."""


class Protocol:
    """The steps of each AP; those that never reached the mailbox are absent."""

    def __init__(self, apic_ids: tuple[int, ...]) -> None:
        self._cpu_of = {apic_id: index for index, apic_id in enumerate(apic_ids)}
        self.reached: dict[int, ApHistory] = {}

    def save(self) -> dict[int, ApHistory]:
        """Everything, for `load`."""
        return dict(self.reached)

    def load(self, saved: dict[int, ApHistory]) -> None:
        """Be again what `save` saw."""
        self.reached = dict(saved)

    def _take(self, cpu: int, one: Reached) -> None:
        self.reached[cpu] = (*self.reached.get(cpu, ()), one)[-STEPS_MAX:]

    def milestone(self, cpu: int, name: str, tick: int, virtual_ns: int) -> None:
        """A CPU passed a named place."""
        step = BY_MILESTONE.get(name)
        if step is not None and cpu != 0:
            self._take(cpu, Reached(step, tick, virtual_ns, cpu))

    def command(
        self, writer: int | None, command: int, apic_id: int, tick: int, virtual_ns: int
    ) -> None:
        """The command word changed: a wake-up names an AP, an AP that clears it acks."""
        if command == _WAKEUP and apic_id in self._cpu_of:
            self._take(self._cpu_of[apic_id], Reached("woken", tick, virtual_ns, writer))
        elif command == _NOOP and writer is not None:
            before = self.reached.get(writer)
            if before is not None and before[-1].step == "woken":
                self._take(writer, Reached("acked", tick, virtual_ns, writer))
