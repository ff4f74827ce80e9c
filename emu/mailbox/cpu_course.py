"""What the rules about CPUs know of the machine's course: who began it, who was started, and
who was given back and has not said since that it is back."""

from msgspec import Struct, field

from emu.mailbox.ap import NOOP, OSES, TEST, ApState
from emu.mailbox.observation import Arrived, Observation, Reset, Started, Stored


class CpuCourse(Struct):
    """The course so far, CPU by CPU."""

    started: set[int] = field(default_factory=set)
    """Those that another CPU has had started."""
    starters: set[int] = field(default_factory=set)
    """Those that had others started, or entered the OS where it begins."""
    untested: set[int] = field(default_factory=set)
    """Those that the OS gave back to the firmware and that have answered no Test."""
    tested: set[int] = field(default_factory=set)
    """Those that have answered Test since they were woken: one that is back in its loop may do
    so before it is seen to wait there."""

    def copy(self) -> "CpuCourse":
        """The same, which goes on by itself."""
        return CpuCourse(*map(set, (self.started, self.starters, self.untested, self.tested)))

    def boots(self, cpu: int) -> bool:
        """Whether a CPU is the one that boots the machine, by what it did."""
        return cpu in self.starters and cpu not in self.started

    def add(self, seen: Observation, was: ApState, now: ApState) -> None:
        """An observation has been judged; the states of its CPU before it and behind it."""
        match seen:
            case Started(cpu=cpu, target=target):
                self.started.add(target)
                self.untested.discard(target)
                if cpu is not None:
                    self.starters.add(cpu)
            case Reset(target=target):
                self.started.discard(target)
                self.untested.discard(target)
                self.tested.discard(target)
            case Arrived(cpu=cpu, roles=roles) if cpu is not None and "os-entry" in roles:
                self.starters.add(cpu)
            case Stored(cpu=cpu, before=before, after=after) if cpu is not None:
                if before.command == TEST and after.command == NOOP:
                    self.tested.add(cpu)
                    self.untested.discard(cpu)
        if seen.cpu is not None and was != now:
            self._moved(seen.cpu, was, now)

    def _moved(self, cpu: int, was: ApState, now: ApState) -> None:
        if now in ("acked", *OSES):
            self.tested.discard(cpu)
            self.untested.discard(cpu)
        elif was in OSES and now in ("left", "parked") and cpu not in self.tested:
            self.untested.add(cpu)
