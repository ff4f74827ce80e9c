"""An armed timer bounds what its CPU executes, and is an alarm for the CPU that sleeps."""

import pytest

from emu.machine.machine import Machine
from emu.machine.timers import Timers
from emu.vmm import apic, apic_timer
from emu.vmm.effects import ApicTimer, SendInterrupt, SetTimer
from tests.guest import Guest

VECTOR = 64
SOURCE = "start: nop\n jmp start"


def armed(*due_ns: int, reload: int = 0) -> tuple[Machine, Timers]:
    """A machine whose CPUs have timers that come to their end at these nanoseconds."""
    machine = Guest(SOURCE, max(len(due_ns), 2)).machine()
    for cpu, due in enumerate(due_ns):
        machine.board.vmm.msrs[cpu, apic_timer.LVT] = VECTOR
        machine.board.vmm.msrs[cpu, apic.SPURIOUS] = 0x1FF
        machine.board.vmm.timers[cpu] = ApicTimer(due, 8, reload)
        machine.board.cpus[cpu].registers.put("rflags", 0x202)
    return machine, machine.timers


def test_a_cpu_executes_up_to_the_instruction_at_which_its_timer_rings_and_not_beyond() -> None:
    machine, timers = armed(1_000)
    cpu, other = machine.board.cpus
    assert timers.most(other) > 1 << 60 and timers.rings(other) == ()
    cpu.clock_ps = 700_000 + 1
    count = timers.most(cpu)
    assert timers.rings(cpu) == ()
    cpu.clock_ps += (count - 1) * cpu.ps_per_instruction
    assert timers.rings(cpu) == () and timers.most(cpu) == 1
    cpu.clock_ps += cpu.ps_per_instruction
    assert timers.rings(cpu) == (SetTimer(0, None), SendInterrupt(0, VECTOR))
    assert timers.most(cpu) == 1


def test_one_that_runs_is_no_alarm_and_of_those_that_sleep_the_first_is() -> None:
    machine, timers = armed(3_000, 1_000, 2_000)
    board = machine.board
    assert timers.due_ps(board) is None
    for cpu in board.cpus:
        board.turn(cpu, "halted")
    board.reschedule = False
    assert timers.due_ps(board) == 1_000_000
    timers.ring(board)
    assert [cpu.activity for cpu in board.cpus] == ["halted", "running", "halted"]
    assert board.cpus[1].clock_ps == 1_000_000 and board.reschedule
    assert timers.due_ps(board) == 2_000_000
    assert board.logs.woken[-1].why == "timer"


def test_a_clock_that_is_already_behind_its_timer_does_not_go_back() -> None:
    machine, timers = armed(1_000)
    cpu = machine.board.cpus[0]
    cpu.clock_ps = 7_000_000
    machine.board.turn(cpu, "halted")
    timers.ring(machine.board)
    assert (cpu.activity, cpu.clock_ps) == ("running", 7_000_000)


@pytest.mark.parametrize(
    ("lvt", "flags"), [(VECTOR | apic.MASKED, 0x202), (5, 0x202), (VECTOR, 2)]
)
def test_who_would_not_take_it_is_not_woken(lvt: int, flags: int) -> None:
    machine, timers = armed(1_000)
    board = machine.board
    board.vmm.msrs[0, apic_timer.LVT] = lvt
    board.cpus[0].registers.put("rflags", flags)
    board.turn(board.cpus[0], "halted")
    assert timers.due_ps(board) is None
