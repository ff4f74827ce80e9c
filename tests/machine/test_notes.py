"""A fact about a CPU is noted once, by whoever sees it first, not where notes are off."""

from emu.machine.notes import Notes
from emu.mailbox.observation import Ignored
from tests.guest import Guest


def notes() -> Notes:
    """Those of a machine with two CPUs."""
    return Guest("start: hlt", 2).machine().cpu_witness.notes


def test_a_fact_with_a_known_key_is_not_noted_again_until_time_goes_back() -> None:
    one = notes()
    log, seen = one.board.logs.observed, Ignored(1, 1, 0, 0x1000, "call", 6)
    before = one.save()
    one.add(seen, "call", 0)
    one.add(seen, "call", 0)
    one.add(seen, "call", 1)
    assert list(log) == [seen, seen]
    one.load(before)
    one.add(seen, "call", 0)
    assert len(log) == 3


def test_nothing_is_noted_on_a_trial_or_with_the_rules_off() -> None:
    machine = Guest("start: hlt").machine()
    one = machine.cpu_witness.notes
    assert one.on
    machine.board.on_trial = True
    assert not one.on
    machine.board.on_trial = False
    machine.witness.on = False
    assert not one.on


def test_a_cpu_that_has_no_code_to_go_on_with_does_not_live() -> None:
    one = notes()
    cpu = one.board.cpus[1]
    assert one.lives(1) is cpu
    one.board.turn(cpu, "halted")
    assert one.lives(1) is cpu
    one.board.turn(cpu, "shutdown")
    assert one.lives(1) is None


def test_an_observation_begins_with_where_and_when() -> None:
    one = notes()
    cpu = one.board.cpus[1]
    cpu.clock_ps = 5_000_000
    assert one.where(cpu) == (0, 5_000, 1, cpu.registers.rip)
