"""Who answers a write to a control register: the platform first, then the processor (SDM 3C,
26.1.1: an exit comes before faults of the value)."""

import pytest

from emu.vmm import controls
from emu.vmm.asked import ControlWrite
from emu.vmm.effects import Effects, RaiseException
from emu.vmm.state import Caller
from tests.guest import Guest as Program
from tests.guest import finish
from tests.vmm.builder import Guest

LONG = {"cr0": 0x8001_0033, "cr3": 0x1000, "cr4": 0x220, "efer": 0xD00}
CD = 1 << 30


def test_what_the_processor_allows_has_no_effects() -> None:
    asked = ControlWrite(0, "cr4", 0x2A0, True, False)
    assert controls.answer(Guest().caller(**LONG), asked) == ()


def test_what_it_refuses_is_a_gp_with_the_reason() -> None:
    asked = ControlWrite(0, "cr4", 0, True, False)
    (found,) = controls.answer(Guest().caller(**LONG), asked)
    assert found == RaiseException(13, 0, "#GP: CR4.PAE is cleared in long mode")


@pytest.mark.parametrize(("isolation", "bits"), [("none", 40), ("vbs", 40), ("tdx", 48)])
def test_cr3_may_be_as_wide_as_cpuid_says(isolation: str, bits: int) -> None:
    """SDM 2A, CPUID 0x80000008 EAX 7:0: MAXPHYADDR; a TD's has the shared bit."""
    caller = Guest(isolation).caller(**LONG)
    wide, wider = (ControlWrite(0, "cr3", 1 << bit, True, False) for bit in (bits - 1, bits))
    assert controls.answer(caller, wide) == () != controls.answer(caller, wider)


def test_a_platform_may_have_more_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that refuses CR0.CD: the guest never gets past the write, and CR0 is as it was."""

    def rule(_: Caller, asked: ControlWrite) -> Effects:
        refused = (asked.register == "cr0" and asked.value & CD) or asked.value == 0
        return (RaiseException(13, 0, "#GP: no CD here"),) if refused else ()

    monkeypatch.setitem(controls.OF_PLATFORM, "vbs", rule)
    wrong = ControlWrite(0, "cr4", 0, True, False)
    (found,) = controls.answer(Guest("vbs").caller(**LONG), wrong)
    assert found == RaiseException(13, 0, "#GP: no CD here"), "before PAE is looked at"
    source = "start: mov rax, cr0\n bts eax, 30\n at: mov cr0, rax\n hlt\n handler13: hlt"
    for platform, sets in (("none", True), ("vbs", False)):
        board = finish(Program(source, platform=platform).driver())
        assert bool(board.cpus[0].registers.get("cr0") & CD) == sets
        assert any("no CD here at at" in event.text for event in board.logs.events) != sets
