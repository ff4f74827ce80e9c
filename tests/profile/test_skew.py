"""Clocks side by side: what an injection did to them, and how the guest sets them right."""

from emu import Session
from emu.debug.profiling import profile_of
from emu.profile.profile import chosen
from emu.profile.skew import Skew
from tests.guest import boot

CORRECTED = """
    cpu0: hlt
    cpu1: mov ecx, 0x3b
      mov eax, 100000
      xor edx, edx
      wrmsr
      mov ecx, 2000
    more: loop more
      mov ecx, 0x3b
      xor eax, eax
      wrmsr
      hlt
"""
"""CPU 1 sets IA32_TSC_ADJUST (0x3B; SDM 3, 18.17.3) to 100,000 counts, and later to 0."""


def skew(session: Session) -> Skew:
    found = profile_of(session.desk, chosen(["skew"])).sections["skew"]
    assert isinstance(found, Skew)
    return found


def test_clocks_that_nobody_has_set_agree() -> None:
    session = boot("start: nop\n hlt", cpus=3)
    session.do("run")
    assert skew(session).lines() == ("all clocks agree, and the guest has set none",)


def test_each_correction_of_the_guest_is_told_with_what_it_made_of_the_clocks() -> None:
    session = boot(CORRECTED, cpus=2)
    session.do("run")
    ahead = 100_000 * 1_000_000_000 // session.machine.board.platform.tsc_hz
    found = skew(session)
    assert [(one.cpu, one.what, one.ahead_ns, one.apart_ns) for one in found.moved] == [
        (1, "guest", ahead, ahead), (1, "guest", 0, 0),
    ]  # fmt: skip
    assert found.moved[1].tick - found.moved[0].tick == 2004  # WRMSR to WRMSR
    assert (found.apart_ns, found.corrections) == (0, 2)
    assert found.lines()[0] == "0 ns apart; the guest has set a clock 2 times"


def test_a_clock_that_an_injection_sets_wrong_stays_so_where_nobody_corrects_it() -> None:
    session = boot("start: mov ecx, 5000\n more: loop more\n hlt", cpus=2)
    session.do("run 100")
    session.do("inject skew 1 50us")
    session.do("run")
    found = skew(session)
    assert found.apart_ns == 50_000 and found.corrections == 0
    assert [one.ahead_ns for one in found.clocks] == [0, 50_000]
    assert [(one.what, one.ahead_ns) for one in found.moved] == [("skew 1 50us", 50_000)]
    assert found.lines()[0] == "50,000 ns apart; the guest corrects none"


def test_what_a_clock_was_between_two_injections_is_not_known() -> None:
    session = boot("start: mov ecx, 5000\n more: loop more\n hlt", cpus=2)
    session.do("run 100")
    session.do("inject skew 1 50us")
    session.do("run 200")
    session.do("inject skew 1 20us")
    session.do("run")
    assert [one.ahead_ns for one in skew(session).moved] == [None, 70_000]
