"""A page that is opened to the host with contents is found where there is one view of it."""

from emu import open_session
from emu.hw.address import Gpa
from emu.machine import apply
from emu.vmm.effects import SetPageState


def found(platform: str, place: int = 0) -> list[str]:
    """What is said when a page is opened; by default one of the shim's code."""
    session = open_session(platform=platform, cpus=2)
    session.do("until kernel_start")
    machine = session.machine
    page = Gpa(place or machine.board.layout.symbols.find("shim_main")[0] & ~0xFFF)
    apply.carry_out(machine, machine.board.cpus[0], (SetPageState(page, 1, "shared"),))
    return [one.text for one in session.findings() if one.rule == "no-secrets"]


def test_the_shim_s_own_code_must_not_be_shown() -> None:
    (said,) = found("vbs")
    assert said.startswith("page 0x8401000 opened to the host with ")


def test_an_empty_page_may_be_opened() -> None:
    assert found("vbs", 0xBF00000) == []


def test_a_td_s_host_gets_another_page() -> None:
    assert found("tdx") == []
