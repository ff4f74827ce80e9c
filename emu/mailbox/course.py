"""What the rules know of the machine's course when they look at the next observation."""

from typing import Literal

from msgspec import Struct, field

from emu.mailbox.dialect import ACPI, BROADCAST_ID, Dialect, guess
from emu.mailbox.layout import OS_BYTES, Head
from emu.mailbox.observation import Arrived, Called, Handed, Observation, Stored, Waited

Standing = Literal["parked", "woken", "acked", "arrived", "online", "left"]
OS_ENTRY = "kernel_start"
_STANDINGS: dict[str, Standing] = {
    "mailbox_wait": "parked", "vector": "arrived", "secondary_start": "arrived",
    "secondary_online": "online", "mailbox_reset_vector": "left",
}  # fmt: skip
"""Milestone -> what reaching it says."""
ON_A_STACK = ("ap_entry64", "mailbox_wait")
"""Milestones at which an AP of the firmware has the stack that it keeps."""
_WAKEUP = 1
_NOOP = 0


def stack_page(rsp: int) -> int:
    """The number of the page into which the next PUSH goes."""
    return rsp - 1 >> 12


class Course(Struct):
    """The course so far. `add` is called after the rules have looked."""

    apic_ids: tuple[int, ...]
    fixed: Dialect | None = None
    """The dialect that the platform names; else it is guessed from the first ack."""
    dialect: Dialect = ACPI
    handed: bool = False
    """The OS has been entered."""
    head: Head = field(default_factory=lambda: Head(0, 0, 0, 0))
    standing: dict[int, Standing] = field(default_factory=dict)
    commander: Stored | None = None
    """Who set the command that is pending."""
    pauses: bool = True
    """Whether the APs' waiting loops have a PAUSE."""
    stacks: dict[int, int] = field(default_factory=dict)
    """Page of a waiting AP's stack -> the AP."""
    failed: dict[int, Called] = field(default_factory=dict)
    """By AP: its last call if that was refused, before it is parked."""

    _by_apic_id: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dialect = self.fixed or self.dialect
        for cpu, apic_id in enumerate(self.apic_ids):
            self._by_apic_id[apic_id] = (*self._by_apic_id.get(apic_id, ()), cpu)

    def addressed(self, head: Head) -> tuple[int, ...]:
        """The CPUs that a command is for."""
        if self.dialect.broadcast and head.apic_id == BROADCAST_ID:
            firmware = ("parked", "woken")
            return tuple(cpu for cpu, how in self.standing.items() if how in firmware)
        return self._by_apic_id.get(head.apic_id, ())

    def is_firmware(self, cpu: int | None) -> bool:
        """Whether a CPU runs the firmware's code: an AP until it arrives at the vector."""
        if cpu is None:
            return False
        if cpu == 0:
            return not self.handed
        return self.standing.get(cpu) not in ("arrived", "online")

    def add(self, seen: Observation) -> None:
        """An observation has been judged."""
        match seen:
            case Stored():
                self._stored(seen)
            case Arrived(cpu=cpu, name=name) if cpu is not None:
                if name == OS_ENTRY:
                    self.handed = True
                if name in _STANDINGS and cpu:
                    self._stand(cpu, _STANDINGS[name])
                if name in ON_A_STACK and cpu and seen.rsp:
                    self.stacks[stack_page(seen.rsp)] = cpu
            case Waited(cpu=cpu, on="mailbox") if cpu:
                self.pauses = self.pauses and (seen.pauses or not self.is_firmware(cpu))
                # An image without symbols is parked when it goes round in its loop.
                if self.standing.get(cpu) not in ("woken", "arrived", "online"):
                    self._stand(cpu, "parked")
            case Handed():
                self.handed = True
            case Called(cpu=cpu, status=status) if cpu:
                self.failed.pop(cpu, None)
                if status:
                    self.failed[cpu] = seen

    def _stand(self, cpu: int, standing: Standing) -> None:
        self.standing[cpu] = standing
        if standing != "parked" and cpu in self.stacks.values():
            self.stacks = {page: who for page, who in self.stacks.items() if who != cpu}

    def _stored(self, seen: Stored) -> None:
        self.head = seen.after
        if seen.offset >= OS_BYTES or seen.before.command == seen.after.command:
            return
        if seen.after.command == _NOOP:
            if seen.ack is not None and seen.cpu is not None:
                self._acked(seen, seen.cpu)
            self.commander = None
            return
        self.commander = seen
        if seen.after.command == _WAKEUP:
            for cpu in self.addressed(seen.after):
                self._stand(cpu, "woken")

    def _acked(self, seen: Stored, cpu: int) -> None:
        if seen.before.command == _WAKEUP:
            self._stand(cpu, "acked")
        if self.fixed is None and self.dialect is ACPI:
            reading = None if seen.ack is None else seen.ack.reading
            self.dialect = guess(
                wide=bool(seen.before.apic_id) and not seen.after.apic_id,
                short=reading == "short",
                late=reading == "after",
                pauses=self.pauses,
            )
