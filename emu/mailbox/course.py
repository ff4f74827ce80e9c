"""What the rules know of the machine's course when they look at the next observation."""

from msgspec import Struct, field
from msgspec.structs import replace

from emu.mailbox.ap import NOOP, OSES, WAKEUP, Aps, ApState
from emu.mailbox.cpu_course import CpuCourse
from emu.mailbox.dialect import ACPI, BROADCAST_ID, Dialect, LoopCode, recognise
from emu.mailbox.layout import OS_BYTES, Head
from emu.mailbox.observation import (
    Arrived,
    Called,
    Handed,
    Listens,
    Observation,
    Reset,
    Started,
    Stored,
    Waited,
)


class Wake(Struct, frozen=True):
    """The last Wakeup that named an AP, as long as that has not taken it."""

    vectors: tuple[int, ...]
    """The vector that came with it, and those that were put in its place while it was
    pending."""
    gone: Stored | None = None
    """Who took it out of the mailbox before the AP did."""


def stack_page(rsp: int) -> int:
    """The number of the page into which the next PUSH goes."""
    return rsp - 1 >> 12


class Course(Struct):
    """The course so far. `add` is called after the rules have looked."""

    apic_ids: tuple[int, ...]
    fixed: Dialect | None = None
    """The dialect that the platform names; else it is read from the loops of the APs."""
    is_td: bool = False
    """The guest is a trust domain: it does not trust its host."""
    knows_os: bool = True
    """It is known where the OS is entered."""
    dialect: Dialect = ACPI
    loop: LoopCode | None = None
    """The newest loop in which an AP waits."""
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
    wakes: dict[int, Wake] = field(default_factory=dict)
    """By AP: the Wakeup that it may still take."""
    vectors: set[int] = field(default_factory=lambda: {0})
    """What the mailbox's vector has ever been."""
    strayed: set[int] = field(default_factory=set)
    """APs that have left the mailbox though no Wakeup was for them."""
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
            self, stood=dict(self.stood), stacks=dict(self.stacks), failed=dict(self.failed),
            wakes=dict(self.wakes), strayed=set(self.strayed), vectors=set(self.vectors),
        )  # fmt: skip
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
            return self.knows_os and not self.handed
        return self.aps.of(cpu) not in OSES

    def lost(self, cpu: int | None) -> Stored | None:
        """Who took the Wakeup away that an AP may have seen: the OS, an AP that it was not for,
        or one of all that a broadcast was for."""
        wake = None if cpu is None else self.wakes.get(cpu)
        return None if wake is None else wake.gone

    def astray(self, seen: Stored) -> int | None:
        """Where an AP goes that clears what is no Wakeup; None if it stays, or goes where no
        wake-up ever led: then it is about something else, as firmware that begins is."""
        if seen.ack is None or not seen.ack.leaves or not seen.cpu:
            return None
        if seen.before.command == WAKEUP or not self.is_firmware(seen.cpu):
            return None
        if self.lost(seen.cpu) is not None:
            return None
        goes = seen.before.vector if seen.ack.vector is None else seen.ack.vector
        return goes if goes == seen.before.vector or goes in self.vectors else None

    def withdrawn(self, cpu: int | None) -> Stored | None:
        """How the OS took back the Wakeup that an AP may have seen."""
        gone = self.lost(cpu)
        own = gone is None or gone.cpu is None or self.is_firmware(gone.cpu)
        return None if own else gone

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
                if "parked" in roles:
                    self._back(cpu)
                if "os-entry" in roles:
                    self.handed = True
                for role in roles:
                    self._moved(self.aps.reached(cpu, role))
                if "own-stack" in roles and cpu and seen.rsp:
                    self.stacks[stack_page(seen.rsp)] = cpu
            case Listens(loop=loop):
                self.loop = loop
                self.dialect = self.fixed or recognise(loop)
            case Waited(cpu=cpu, on="mailbox") if cpu:
                self._back(cpu)
                self._moved(self.aps.waited(cpu, seen.address))
            case Started(target=target) | Reset(target=target):
                self._back(target)
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
        gone = {cpu for cpu in cpus if self.aps.of(cpu) != "parked"}
        if gone and not gone.isdisjoint(self.stacks.values()):
            self.stacks = {page: who for page, who in self.stacks.items() if who not in gone}

    def _back(self, cpu: int) -> None:
        """An AP looks at the mailbox anew: what was taken away before, it has not seen."""
        self.strayed.discard(cpu)
        if cpu in self.wakes and self.wakes[cpu].gone is not None:
            del self.wakes[cpu]

    def _offered(self, seen: Stored) -> None:
        """Which APs may take a Wakeup from now on, and which have taken theirs."""
        before, after = seen.before, seen.after
        was = self.addressed(before) if before.command == WAKEUP else ()
        now = self.addressed(after) if after.command == WAKEUP else ()
        for cpu in was:
            wake = self.wakes.get(cpu)
            if cpu == seen.cpu and cpu not in now:
                self.wakes.pop(cpu, None)
            elif cpu not in now and wake is not None:
                self.wakes[cpu] = replace(wake, gone=seen)
        for cpu in now:
            known = self.wakes[cpu].vectors if cpu in was and cpu in self.wakes else ()
            self.wakes[cpu] = Wake((*known, after.vector))

    def _stored(self, seen: Stored) -> None:
        self.head = seen.after
        self._offered(seen)
        if seen.cpu is not None and self.astray(seen) is not None:
            self.strayed.add(seen.cpu)
        self.vectors.add(seen.after.vector)
        if seen.offset >= OS_BYTES or seen.before.command == seen.after.command:
            return
        self._moved(self.aps.commanded(seen.cpu, seen.before, seen.after))
        if seen.after.command != NOOP:
            self.commander = seen
            if seen.after.command == WAKEUP:
                self.stood |= dict.fromkeys(self.addressed(seen.after), "woken")
            return
        self.commander = None
