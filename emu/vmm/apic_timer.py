"""The local APIC's timer (SDM 3, 11.5.4): what writes of its registers arm, when it is due, and
what it leaves when it has rung.

All is told by the CPU's own clock, the one by which RDTSC tells the time: where that is wrong,
the timer is wrong alike. Registers: x2APIC MSRs 0x832 (LVT), 0x838 (initial count), 0x839
(current count), 0x83E (divide), and IA32_TSC_DEADLINE.
"""

from typing import Final

from msgspec.structs import replace

from emu.boot.platform import Platform
from emu.vmm import apic
from emu.vmm.apic import MASKED
from emu.vmm.clock import (
    APIC_HZ,
    CRYSTAL_HZ,
    NS_PER_SECOND,
    TSC_ADJUST,
    nanoseconds_at,
)
from emu.vmm.effects import ApicTimer, Effects, SendInterrupt, SetMsr, SetTimer
from emu.vmm.state import Caller, VmmState

TSC_DEADLINE: Final = 0x6E0
LVT: Final = 0x832
INITIAL: Final = 0x838
DIVIDE: Final = 0x83E
_MODE: Final = 3 << 17
_PERIODIC: Final = 1 << 17
_BY_TSC: Final = 2 << 17


def tick_ns(platform: Platform, divide: int) -> int:
    """How long one count takes. The input is the crystal of CPUID 0x15, or what a hypervisor
    reports (HV_X64_MSR_APIC_FREQUENCY); bits 3, 1 and 0 divide it by 1 to 128."""
    hertz = APIC_HZ if platform.hyperv else CRYSTAL_HZ
    code = divide >> 1 & 4 | divide & 3
    return NS_PER_SECOND // hertz << (code + 1 & 7)


def _tick(caller: Caller) -> int:
    return tick_ns(caller.platform, caller.vmm.msrs.get((caller.cpu, DIVIDE), 0))


def _mode(caller: Caller) -> int:
    return caller.vmm.msrs.get((caller.cpu, LVT), MASKED) & _MODE


def _left(timer: ApicTimer | None, now_ns: int) -> int:
    """The current count."""
    if timer is None or timer.deadline or timer.due_ns <= now_ns:
        return 0
    return -(-(timer.due_ns - now_ns) // timer.tick_ns)


def current_count(caller: Caller) -> int:
    """What is left to count down; 0 if it counts nothing."""
    return _left(caller.vmm.timers.get(caller.cpu), caller.nanoseconds)


def write_initial(caller: Caller, msr: int, value: int) -> Effects | None:
    """A new count begins at once, and 0 stops it. With a deadline in the TSC's time the
    register does nothing."""
    if value & ~0xFFFF_FFFF:
        return None
    kept = SetMsr(caller.cpu, msr, value)
    if _mode(caller) == _BY_TSC:
        return (kept,)
    if not value:
        return (kept, SetTimer(caller.cpu, None))
    tick = _tick(caller)
    reload = value if _mode(caller) == _PERIODIC else 0
    timer = ApicTimer(caller.nanoseconds + value * tick, tick, reload)
    return (kept, SetTimer(caller.cpu, timer))


def write_divide(caller: Caller, msr: int, value: int) -> Effects | None:
    """What is left is counted at another rate from now on."""
    if value & ~0xB:
        return None
    kept = SetMsr(caller.cpu, msr, value)
    timer = caller.vmm.timers.get(caller.cpu)
    left = _left(timer, caller.nanoseconds)
    if timer is None or not left:
        return (kept,)
    tick = tick_ns(caller.platform, value)
    due = caller.nanoseconds + left * tick
    return (kept, SetTimer(caller.cpu, replace(timer, due_ns=due, tick_ns=tick)))


def write_lvt(caller: Caller, msr: int, value: int) -> Effects:
    """Vector, mask and mode. To or from a deadline in the TSC's time disarms; between once and
    periodic the count goes on."""
    kept = SetMsr(caller.cpu, msr, value)
    mode = value & _MODE
    if mode == _mode(caller):
        return (kept,)
    if _BY_TSC in (mode, _mode(caller)):
        return (kept, SetMsr(caller.cpu, TSC_DEADLINE, 0), SetTimer(caller.cpu, None))
    timer = caller.vmm.timers.get(caller.cpu)
    if timer is None:
        return (kept,)
    initial = caller.vmm.msrs.get((caller.cpu, INITIAL), 0)
    reload = initial if mode == _PERIODIC else 0
    return (kept, SetTimer(caller.cpu, replace(timer, reload=reload)))


def write_deadline(caller: Caller, msr: int, value: int) -> Effects:
    """Ring when the TSC reaches a value, at once if it has; 0 disarms. In the other modes the
    register is 0, whatever is written."""
    if _mode(caller) != _BY_TSC:
        return ()
    timer = ApicTimer(0, 0, deadline=value) if value else None
    return (SetMsr(caller.cpu, msr, value), SetTimer(caller.cpu, timer))


def due_ns(platform: Platform, vmm: VmmState, cpu: int) -> int | None:
    """The first nanosecond of right time at which a CPU's timer has come to its end; None if it
    is not armed."""
    timer = vmm.timers.get(cpu)
    if timer is None:
        return None
    moment = timer.due_ns
    if timer.deadline:
        adjust = vmm.msrs.get((cpu, TSC_ADJUST), 0)
        signed = adjust - (adjust >> 63 << 64)
        moment = nanoseconds_at(platform, timer.deadline, signed)
    wrong = vmm.clocks.get(cpu)
    return moment if wrong is None else wrong.moment_of(moment)


def vector_of(vmm: VmmState, cpu: int) -> int | None:
    """What a CPU is interrupted by when its timer rings; None while it is masked, as it is with
    the whole APIC switched off."""
    lvt = vmm.msrs.get((cpu, LVT), MASKED)
    return None if lvt & MASKED or not apic.accepts(vmm, cpu) else lvt & 0xFF


def rings(vmm: VmmState, cpu: int, now_ns: int) -> Effects:
    """It has come to its end by now, right time: what is armed next, and the interrupt, unless
    one of the same vector is still waiting. Ends that nobody was awake for are one."""
    timer = vmm.timers[cpu]
    following = None
    if timer.reload:
        wrong = vmm.clocks.get(cpu)
        own = now_ns if wrong is None else wrong.shows(now_ns)
        period = timer.reload * timer.tick_ns
        over = max(own - timer.due_ns, 0) // period + 1
        following = replace(timer, due_ns=timer.due_ns + over * period)
    done: Effects = (SetTimer(cpu, following),)
    if timer.deadline:
        done = (SetMsr(cpu, TSC_DEADLINE, 0), *done)
    vector = vector_of(vmm, cpu)
    if vector is None or vmm.vps[cpu].pending >> vector & 1:
        return done
    return (*done, SendInterrupt(cpu, vector))
