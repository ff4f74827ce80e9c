"""CPUs that are not there any more: what they share."""

from emu.hw.cpu import Cpu
from emu.inject.vmm.calls import refused
from emu.machine.apply import power_on
from emu.machine.injected import Injected, Twist
from emu.machine.machine import Machine
from emu.vmm import effects as fx
from emu.vmm.asked import Asked
from emu.vmm.hypercalls.call import Status


class Gone(Twist, frozen=True):
    """Whatever is sent to this CPU is lost; `denied`: a call that would start it is refused."""

    vp: int
    denied: bool = False

    def decided(
        self, injected: Injected, cpu: Cpu, asked: Asked, effects: fx.Effects
    ) -> tuple[fx.Effects, Twist]:
        """Starts, INITs, SIPIs and interrupts do not arrive."""
        kept = tuple(one for one in effects if not self._is_for(one))
        starts = any(isinstance(one, fx.StartVp) and self._is_for(one) for one in effects)
        if starts and self.denied:
            return refused(asked, Status.INVALID_VP_INDEX, effects), self
        return kept, self

    def _is_for(self, effect: fx.Effect) -> bool:
        match effect:
            case fx.StartVp(vp, _):
                return vp == self.vp
            case fx.SendInit(cpu) | fx.SendSipi(cpu, _) | fx.SendInterrupt(cpu, _, _):
                return cpu == self.vp
        return False


def take(machine: Machine, cpu: Cpu, reason: str, *, denied: bool = False) -> None:
    """A CPU executes nothing more, for good."""
    machine.waits.forget(cpu)
    machine.board.turn(cpu, "shutdown")
    cpu.reason = reason
    machine.board.vmm.vps[cpu.id].pending = 0
    machine.injected.twist(Gone(cpu.id, denied), beside=True)
    machine.board.reschedule = True
    machine.board.event(cpu, "state", reason)


def is_gone(machine: Machine, cpu: Cpu) -> bool:
    """Whether a CPU was removed from the machine."""
    return any(_of(one.twist, cpu) for one in machine.injected.twists)


def put_back(machine: Machine, cpu: Cpu) -> None:
    """Another CPU in the place of one that was removed, as at power-on: whoever starts it finds
    it there."""
    board, injected = machine.board, machine.injected
    injected.twists = tuple(one for one in injected.twists if not _of(one.twist, cpu))
    power_on(machine, cpu)
    board.event(cpu, "state", "is plugged in, as at power-on")


def _of(twist: Twist, cpu: Cpu) -> bool:
    return isinstance(twist, Gone) and twist.vp == cpu.id and twist.denied
