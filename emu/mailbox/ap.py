"""How far each CPU is on its way from firmware to OS: one state machine for all who ask.

The machine steps it while the guest runs, and the rules fold it over what was noted. A state is
left only by what is seen of the CPU: it comes to a place with a role, a command names it, it
clears one, it waits at the mailbox, or it is started.
"""

from typing import Final, Literal

from msgspec import Struct, field

from emu.mailbox.dialect import BROADCAST_ID
from emu.mailbox.layout import Head

ApState = Literal[
    "starting", "parked", "woken", "acked", "arrived", "online", "left", "gave-up"
]
"""`starting`: not at the mailbox yet, whether it runs or not. `left`: handed back by the OS."""
NOOP: Final = 0
WAKEUP: Final = 1
TEST: Final = 2
BY_ROLE: Final[dict[str, ApState]] = {
    "parked": "parked", "arrived": "arrived", "online": "online", "left": "left",
    "gave-up": "gave-up",
}  # fmt: skip
"""What coming to a place says of the CPU."""
FIRMWARES: Final[tuple[ApState, ...]] = ("starting", "parked", "woken", "left")
"""In these a CPU that clears a Wakeup takes it: it runs the loop of the firmware."""
OSES: Final[tuple[ApState, ...]] = ("arrived", "online")
"""In these it runs the OS's code."""


def after_role(state: ApState, role: str) -> ApState:
    """A CPU comes to a place. Who was online and then halts for ever stays online."""
    new = BY_ROLE.get(role, state)
    return state if new == "gave-up" and state == "online" else new


def after_command(state: ApState) -> ApState:
    """A Wakeup names the CPU."""
    return state if state in OSES or state == "gave-up" else "woken"


def after_ack(state: ApState) -> ApState:
    """The CPU itself clears a Wakeup."""
    return "acked" if state in FIRMWARES else state


def after_wait(state: ApState, home: bool) -> ApState:
    """The CPU begins to go round in a loop that looks at the mailbox. The OS's code may do so
    too, while it waits for an ack; `home`: in this loop a CPU has been parked before."""
    if state in ("woken", "gave-up") or (state in OSES and not home):
        return state
    return "parked"


class Aps(Struct):
    """The state of every CPU. Of the BSP only whether it is online, or gave up."""

    apic_ids: tuple[int, ...]
    states: dict[int, ApState] = field(default_factory=dict)
    """Those that are not `starting`."""
    homes: set[int] = field(default_factory=set)
    """Where loops begin in which CPUs were parked."""
    _by_apic_id: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for cpu, apic_id in enumerate(self.apic_ids):
            self._by_apic_id[apic_id] = (*self._by_apic_id.get(apic_id, ()), cpu)

    def copy(self) -> "Aps":
        """The same, which goes on by itself."""
        return Aps(self.apic_ids, dict(self.states), set(self.homes))

    def of(self, cpu: int) -> ApState:
        """Where a CPU stands."""
        return self.states.get(cpu, "starting")

    def named(self, apic_id: int) -> tuple[int, ...]:
        """The CPUs that have an APIC id."""
        return self._by_apic_id.get(apic_id, ())

    def listening(self) -> tuple[int, ...]:
        """The CPUs that wait for a command."""
        return tuple(cpu for cpu, how in self.states.items() if how in ("parked", "woken"))

    def started(self, cpu: int) -> tuple[int, ...]:
        """A CPU begins at its first instruction. Like all below: whose state is another now."""
        return self._stand(cpu, "starting")

    def reached(self, cpu: int, role: str) -> tuple[int, ...]:
        """A CPU is at a place that plays a role."""
        if cpu == 0 and role not in ("online", "gave-up"):
            return ()
        return self._stand(cpu, after_role(self.of(cpu), role))

    def waited(self, cpu: int, at: int) -> tuple[int, ...]:
        """A CPU begins to wait at the mailbox, in the loop that begins at an address."""
        if not cpu:
            return ()
        state = after_wait(self.of(cpu), at in self.homes)
        if state == "parked":
            self.homes.add(at)
        return self._stand(cpu, state)

    def commanded(self, writer: int | None, before: Head, after: Head) -> tuple[int, ...]:
        """The mailbox's command became another; `writer` None: the host's doing."""
        if before.command == after.command:
            return ()
        if after.command == WAKEUP:
            some = self.named(after.apic_id)
            if after.apic_id == BROADCAST_ID:
                some = self.listening()
            moved = [self._stand(cpu, after_command(self.of(cpu))) for cpu in some if cpu]
            return tuple(cpu for one in moved for cpu in one)
        if after.command == NOOP and before.command == WAKEUP and writer:
            return self._stand(writer, after_ack(self.of(writer)))
        return ()

    def _stand(self, cpu: int, state: ApState) -> tuple[int, ...]:
        if state == self.of(cpu):
            return ()
        if state == "starting":
            del self.states[cpu]
        else:
            self.states[cpu] = state
        return (cpu,)
