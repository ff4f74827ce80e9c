"""Where one CPU runs alone for long, a second run looks at the ends of that, and at samples."""

from typing import Final

import pytest

from emu import Session
from emu.debug.profiling import measured
from emu.machine.log import Run
from emu.profile import looking
from emu.profile.alone import AloneStretch, alone
from emu.profile.coherence import Coherence
from emu.profile.critical_view import CriticalPath
from emu.profile.profile import chosen
from tests.guest import boot

MILLION: Final = 1_000_000
RUNS = [
    # (CPU, from, to) of each run -> (CPU, from, to) of what is passed over: all but a million
    # at either end, of what is more than four millions
    ([(0, 0, 4 * MILLION)], []),
    ([(0, 0, 4 * MILLION + 1)], [(0, MILLION, 3 * MILLION + 1)]),
    ([(0, 0, 3 * MILLION), (0, 3 * MILLION, 6 * MILLION)], [(0, MILLION, 5 * MILLION)]),
    ([(0, 0, 3 * MILLION), (1, 3 * MILLION, 3_000_005), (0, 3_000_005, 6 * MILLION)],
     []),
    ([(1, 0, 9), (0, 9, 9 * MILLION), (2, 9 * MILLION, 20 * MILLION)],
     [(0, 9 + MILLION, 8 * MILLION), (2, 10 * MILLION, 19 * MILLION)]),
]  # fmt: skip


@pytest.mark.parametrize(("runs", "passed"), RUNS)
def test_what_is_passed_over(
    runs: list[tuple[int, int, int]], passed: list[tuple[int, int, int]]
) -> None:
    found = alone(Run(cpu, first, last, 0) for cpu, first, last in runs)
    assert found == tuple(AloneStretch(*one) for one in passed)


COUNTS = 2_000_000
LONG = f"""
    cpu0: mov dword ptr [{{SHARED}}], 1
      mov ecx, {COUNTS}
    early: dec ecx
      jnz early
      mov ecx, {COUNTS}
    late: dec ecx
      jnz late
      mov dword ptr [{{SHARED}} + 64], 1
    done: pause
      cmp dword ptr [{{SHARED}}], 2
      jne done
      hlt
    cpu1: pause
      cmp dword ptr [{{SHARED}} + 64], 0
      je cpu1
      mov dword ptr [{{SHARED}}], 2
      hlt
"""
"""CPU 1 waits for a word that CPU 0 stores behind 8 million instructions of its own."""


def ended() -> Session:
    session = boot(LONG, 2, max_ticks=5 * COUNTS)
    session.do("run")
    assert session.machine.board.cpus[0].activity == "halted"
    return session


def test_samples_tell_functions_and_the_ends_are_exact() -> None:
    session = ended()
    found, told = measured(session.desk, chosen(["lines", "coherence"]))
    count = int(told[1].removeprefix("but for ").split()[0].replace(",", ""))
    assert 0 <= 4 * COUNTS - 2 * MILLION - count <= 4_000, "a slice or two at either end"
    assert told[1].endswith("in which one CPU ran alone, seen every 10,000")
    path = found.sections["lines"]
    assert isinstance(path, CriticalPath)
    sums = {one.what: one.ps for one in path.shares["function"]}
    half = 2 * COUNTS * 500
    assert abs(sums["early"] - half) <= looking.SAMPLE * 500
    assert abs(sums["late"] - half) <= looking.SAMPLE * 500
    assert sum(sums.values()) == path.whole_ps, "no picosecond is lost"


def test_lines_that_are_touched_at_its_ends_move_as_if_all_had_been_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = ended()
    some, told = measured(session.desk, chosen(["coherence"]))
    monkeypatch.setattr(looking, "alone", lambda runs: ())
    everything, plain = measured(session.desk, chosen(["coherence"]))
    assert (len(told), len(plain)) == (2, 1)
    assert some == everything
    lines = some.sections["coherence"]
    assert isinstance(lines, Coherence) and "2 lines are shared" in lines.lines()[0]


UNSEEN = """
    cpu0: mov ecx, 3000000
    early: dec ecx
      jnz early
      mov dword ptr [{SHARED}], 1
      mov ecx, 3000000
    late: dec ecx
      jnz late
      mov dword ptr [{SHARED} + 64], 1
      hlt
    cpu1: pause
      cmp dword ptr [{SHARED} + 64], 0
      je cpu1
      mov eax, dword ptr [{SHARED}]
      hlt
"""


def test_what_one_cpu_did_in_the_middle_of_it_counts_as_not_done() -> None:
    """CPU 1 loads a line that CPU 0 has dirty since six millions before: a transfer, which is
    not seen, as the line is taken to come from memory."""
    session = boot(UNSEEN, 2, max_ticks=20 * MILLION)
    session.do("run")
    found, _ = measured(session.desk, chosen(["coherence"]))
    lines = found.sections["coherence"]
    assert isinstance(lines, Coherence)
    assert lines.lines()[0].startswith("1 lines are shared"), lines.lines()
