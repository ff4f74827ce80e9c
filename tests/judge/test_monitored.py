"""What is said of a CPU that waits by MWAIT: its state, its line, who wrote there last, and
that nobody is left who could."""

from typing import Any, Final

import pytest

from emu.debug.session import Session
from emu.errors import CommandError
from tests.guest import DATA, boot

WAITS: Final = """
    mov eax, {DATA} + 0x48
    xor ecx, ecx
    xor edx, edx
    monitor
    mov eax, HINT
    mwait
    cli
    hlt
"""
NOBODY: Final = f"""
cpu0:
    mov dword ptr [{{DATA}} + 0x50], 7
    mov ecx, 900
work: dec ecx
    jnz work
    cli
    hlt
cpu1: cli
{WAITS}
"""


def stood(source: str, hint: str = "0x20", **more: Any) -> Session:
    session = boot(source.replace("HINT", hint), 2, mwait=("C1", "C6"), **more)
    session.do("run")
    return session


def test_it_is_told_with_its_line_and_who_wrote_there_last() -> None:
    session = stood(NOBODY)
    view = session.view().cpus[1]
    assert (view.state, view.fate) == ("mwait", "stuck")
    assert view.waits == f"the line of [{DATA + 0x48:#x}] by MWAIT C6"
    told = session.do("waits").reply
    assert len(told) == 1
    assert told[0].startswith(
        f"cpu 1 waits for the line of [{DATA + 0x48:#x}] by MWAIT C6 (now 0x0) at cpu1+"
    )
    why = " ".join(session.do("why 1").reply)
    assert "cpu 1 is stuck: nobody is left who could move it on" in why
    assert f"next would have to come a store to the line of [{DATA + 0x48:#x}]" in why
    assert "or an NMI or INIT" in why
    assert "by cpu 0 at tick" in why, "who changed a byte of that line last"


def test_with_interrupts_on_one_of_them_would_do() -> None:
    session = stood(NOBODY.replace("cpu1: cli", "cpu1: sti"))
    assert "or an interrupt" in " ".join(session.do("why 1").reply)


def test_while_somebody_still_runs_nobody_is_stuck() -> None:
    """CPU 0 would store in a while; the limit cuts the run off before."""
    source = NOBODY.replace("mov ecx, 900", "mov ecx, 900000000")
    session = stood(source, max_ticks=5_000)
    assert session.view().cpus[1].fate == "well"
    assert session.view().cpus[1].state == "mwait"


def test_a_hang_counts_it() -> None:
    session = stood(NOBODY)
    assert session.verdict is not None
    assert session.verdict.reason == "no CPU can ever run again: 1 halted (0); 1 mwait (1)"


def test_it_cannot_be_stepped_and_says_why() -> None:
    longer = NOBODY.replace("mov ecx, 900", "mov ecx, 9000")
    session = boot(longer.replace("HINT", "0"), 2, mwait=("C1",))
    session.do("run 3000")
    assert session.view().cpus[1].state == "mwait"
    session.do("cpu 1")
    with pytest.raises(CommandError, match="cpu 1 cannot step: a store to its line"):
        session.do("step")
