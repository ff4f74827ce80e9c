"""What the rules know of the machine's course when they look at the next observation."""

from msgspec import Struct, field
from msgspec.structs import replace

from emu.mailbox.ap import NOOP, OSES, WAKEUP, Aps, ApState
from emu.mailbox.cpu_course import CpuCourse
from emu.mailbox.dialect import ACPI, BROADCAST_ID, Dialect, guess
from emu.mailbox.layout import OS_BYTES, Head
from emu.mailbox.observation import (
    Arrived,
    Called,
    Handed,
    Observation,
    Started,
    Stored,
    Waited,
)


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
    aps: Aps = field(default_factory=lambda: Aps(()))
    """How far each CPU is."""
    stood: dict[int, ApState] = field(default_factory=dict)
    """What the mailbox last had to do with each CPU: `woken` if a Wakeup names it, whatever it
    does meanwhile; one that has given up is where it was."""
    commander: Stored | None = None
    """Who set the command that is pending."""
    pauses: bool = True
    """Whether the APs' waiting loops have a PAUSE."""
    stacks: dict[int, int] = field(default_factory=dict)
    """Page of a waiting AP's stack -> the AP."""
    failed: dict[int, Called] = field(default_factory=dict)
    """By AP: its last call if that was refused, before it is parked."""
    cpus: CpuCourse = field(default_factory=CpuCourse)

    def __post_init__(self) -> None:
        self.dialect = self.fixed or self.dialect
        self.aps = Aps(self.apic_ids)

    def copy(self) -> "Course":
        """A course that goes on by itself."""
        found = replace(
            self, stood=dict(self.stood), stacks=dict(self.stacks), failed=dict(self.failed)
        )
        found.aps, found.cpus = self.aps.copy(), self.cpus.copy()
        return found

    def addressed(self, head: Head) -> tuple[int, ...]:
        """The CPUs that a command is for."""
        if self.dialect.broadcast and head.apic_id == BROADCAST_ID:
            return self.aps.listening()
        return self.aps.named(head.apic_id)

    def is_firmware(self, cpu: int | None) -> bool:
        """Whether a CPU runs the firmware's code: an AP until it arrives at the vector."""
        if cpu is None:
            return False
        if cpu == 0:
            return not self.handed
        return self.aps.of(cpu) not in OSES

    def add(self, seen: Observation) -> None:
        """An observation has been judged."""
        was = "starting" if seen.cpu is None else self.aps.of(seen.cpu)
        self._add(seen)
        now = "starting" if seen.cpu is None else self.aps.of(seen.cpu)
        self.cpus.add(seen, was, now)

    def _add(self, seen: Observation) -> None:
        match seen:
            case Stored():
                self._stored(seen)
            case Arrived(cpu=cpu, roles=roles) if cpu is not None:
                if "os-entry" in roles:
                    self.handed = True
                for role in roles:
                    self._moved(self.aps.reached(cpu, role))
                if "own-stack" in roles and cpu and seen.rsp:
                    self.stacks[stack_page(seen.rsp)] = cpu
            case Waited(cpu=cpu, on="mailbox") if cpu:
                self.pauses = self.pauses and (seen.pauses or not self.is_firmware(cpu))
                self._moved(self.aps.waited(cpu, seen.address))
            case Started(target=target):
                self._moved(self.aps.started(target))
            case Handed():
                self.handed = True
            case Called(cpu=cpu, status=status) if cpu:
                self.failed.pop(cpu, None)
                if status:
                    self.failed[cpu] = seen

    def _moved(self, cpus: tuple[int, ...]) -> None:
        """States are others. Who waits no longer in the firmware gives its stack back."""
        for cpu in cpus:
            if self.aps.of(cpu) != "gave-up":
                self.stood[cpu] = self.aps.of(cpu)
        gone = [cpu for cpu in cpus if self.aps.of(cpu) != "parked"]
        if gone:
            self.stacks = {page: who for page, who in self.stacks.items() if who not in gone}

    def _stored(self, seen: Stored) -> None:
        self.head = seen.after
        if seen.offset >= OS_BYTES or seen.before.command == seen.after.command:
            return
        self._moved(self.aps.commanded(seen.cpu, seen.before, seen.after))
        if seen.after.command != NOOP:
            self.commander = seen
            if seen.after.command == WAKEUP:
                self.stood |= dict.fromkeys(self.addressed(seen.after), "woken")
            return
        if seen.ack is not None and seen.cpu is not None:
            self._guess(seen)
        self.commander = None

    def _guess(self, seen: Stored) -> None:
        """The first ack tells the dialect."""
        if self.fixed is None and self.dialect is ACPI:
            reading = None if seen.ack is None else seen.ack.reading
            self.dialect = guess(
                wide=bool(seen.before.apic_id) and not seen.after.apic_id,
                short=reading == "short",
                late=reading == "after",
                pauses=self.pauses,
            )
