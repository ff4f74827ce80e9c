"""The board counts what happens, and is put back as it was saved."""

import pytest

from emu.hw.address import PAGE_BYTES
from emu.machine import entry
from emu.machine.board import Board, Doing, SavedBoard
from emu.machine.code import INSTRUCTION_BYTES
from emu.machine.log import Turn
from emu.vmm.asked import Cpuid, Hlt
from emu.vmm.state import WrongClock
from tests.guest import CODE, PT, Guest


class Looks:
    """A probe that says when it is asked."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def attach(self, board: Board) -> None:
        """Begin to look."""
        self.seen.append("begin")

    def compare(self, board: Board, doing: Doing) -> None:
        """Something may have changed."""
        self.seen.append(doing)


class Hears:
    """A listener."""

    def __init__(self) -> None:
        self.heard_of: list[tuple[int | None, str]] = []

    def heard(self, cpu: object, text: str) -> None:
        """An event is in the log."""
        self.heard_of.append((getattr(cpu, "id", None), text))


def board(cpus: int = 2) -> Board:
    """A board with CPUs that have not executed anything."""
    return Guest("start: nop\n nop\n hlt", cpus, speeds=(1.0, 0.5)[:cpus]).machine().board


def test_what_is_retired_moves_ticks_and_one_clock() -> None:
    one = board()
    fast, slow = one.cpus
    one.retire(slow, 3)
    one.retire(fast, 2)
    one.retire(fast, 1)
    assert (one.tick, fast.ticks, slow.ticks) == (6, 3, 3)
    assert slow.clock_ps == 2 * fast.clock_ps == 6 * fast.ps_per_instruction
    assert one.now_ps() == slow.clock_ps
    assert [one.logs.lanes.cpu_at(tick) for tick in range(1, 7)] == [1, 1, 1, 0, 0, 0]


def test_what_is_tried_is_in_no_lane() -> None:
    one = board()
    one.on_trial = True
    one.retire(one.cpus[0], 3)
    assert one.logs.lanes.count == 0


def test_an_event_has_the_clock_of_its_cpu_or_of_the_machine_and_is_heard() -> None:
    one, hears = board(), Hears()
    one.listeners = (hears,)
    one.retire(one.cpus[1], 5)
    one.event(one.cpus[0], "exit", "first")
    one.event(None, "stop", "second")
    first, second = one.logs.events
    assert (first.cpu, first.virtual_ns, first.tick) == (0, 0, 5)
    assert (second.cpu, second.virtual_ns) == (None, one.now_ps() // 1000)
    assert hears.heard_of == [(0, "first"), (None, "second")]


def test_exits_are_counted_by_name() -> None:
    one = board()
    for asked in (Cpuid(2, 0, 0), Hlt(1), Cpuid(2, 1, 0)):
        one.count_exit(asked)
    assert one.exit_counts == {"cpuid": 2, "hlt": 1}


def test_it_is_put_back_as_it_was_and_shares_nothing() -> None:
    one = board()
    one.tick, one.beat, one.work, one.boot_params = 5, 6, 7, 8
    one.count_exit(Hlt(1))
    one.broken_pages.add(0x1000)
    saved = one.save()
    one.count_exit(Hlt(1))
    one.broken_pages.add(0x2000)
    one.tick = one.beat = one.work = 0
    one.boot_params, one.crash, one.powered_off, one.reschedule = None, "crash", True, True
    one.load(saved)
    wanted = SavedBoard(5, 6, 7, {"hlt": 1}, False, "", 8, None, frozenset((0x1000,)))
    assert one.save() == saved == wanted
    assert not one.reschedule


def test_a_cpu_that_starts_is_as_new_but_for_its_clock() -> None:
    one = board()
    cpu = one.cpus[1]
    cpu.clock_ps, cpu.skip, cpu.reason = 77_000, 5, "reason"
    one.reschedule = False
    one.start(cpu, entry.after_init(0))
    assert (cpu.activity, cpu.clock_ps, cpu.skip, cpu.reason) == ("running", 77_000, None, "")
    assert one.reschedule and one.logs.turns[-1] == Turn(0, 1, "running", 77_000)


@pytest.mark.parametrize("left", [0, 1, 14, 15, 40])
def test_code_is_at_most_one_instruction_and_ends_where_nothing_is_mapped(left: int) -> None:
    one = board()
    registers, hpa = one.cpus[0].registers, one.ram.hpa(PT + 8 * ((CODE >> 12) - 0x400 + 1))
    assert hpa is not None
    one.memory.put_u64(hpa, 0)
    registers.put("rip", CODE + PAGE_BYTES - left)
    assert len(one.code_bytes(one.cpus[0])) == min(left, INSTRUCTION_BYTES)


def test_a_place_is_a_symbol_or_a_number() -> None:
    one = board()
    assert one.place(one.cpus[0]) == "start"
    one.cpus[0].registers.put("rip", CODE + 2)
    assert one.place(one.cpus[0]) == "start+0x2"
    one.cpus[0].registers.put("rip", 0x10)
    assert one.place(one.cpus[0]) == "0x10"


def test_a_handler_sees_the_clock_that_its_cpu_has() -> None:
    one = board()
    one.cpus[0].clock_ps = one.cpus[1].clock_ps = 9_000_000
    one.vmm.clocks[1] = WrongClock(ahead_ns=500)
    assert [one.caller(cpu).nanoseconds for cpu in one.cpus] == [9_000, 9_500]
    assert one.caller(one.cpus[1]).registers("rdi") == 1


def test_probes_begin_when_they_are_attached_and_end_with_the_next() -> None:
    one, looks, other = board(), Looks(), Looks()
    one.look_at(looks)
    one.compare("host")
    one.look_at(other)
    one.compare("walk")
    one.look_at()
    one.compare("host")
    assert (looks.seen, other.seen) == (["begin", "host"], ["begin", "walk"])
