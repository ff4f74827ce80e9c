"""Exceptions while others are delivered, as somebody at the debugger meets them."""

from emu.picture.stop import CaughtEvent
from tests.guest import boot

SECOND = """
start: nop
here: ud2
handler13: hlt
"""
"""#UD has no gate, so that its delivery is #GP."""


def test_a_catch_of_exceptions_stops_at_one_that_comes_while_another_is_delivered() -> None:
    session = boot(SECOND)
    session.do("catch exception #GP")
    (stop,) = session.do("run").stop
    assert isinstance(stop, CaughtEvent) and stop.cpu == 0
    told = "#GP (IDT entry 6 is no interrupt or trap gate) while delivering #UD at here"
    assert told in stop.text


def test_both_of_them_are_one_stop_and_on_the_way_back_too() -> None:
    session = boot(SECOND)
    session.do("catch exception")
    told = [stop.text for stop in session.do("run").stop]
    assert "#UD" in told[0] and "#GP" in told[1] and len(told) == 2
    session.do("delete 1")
    session.do("run")
    session.do("catch exception")
    back = [stop.text.replace("catch 2", "catch 1") for stop in session.do("reverse-run").stop]
    assert back == told


def test_a_triple_fault_is_told_with_its_whole_chain() -> None:
    session = boot("start: nop\nhere: mov eax, [0x1234]")
    view = session.do("run")
    gate = "#GP (IDT entry {} is no interrupt or trap gate)"
    assert view.outcome == "crashed"
    assert view.stop[0].text == (
        "cpu 0 shut down: #PF reading 0x1234 at here: L2 is not present -> "
        f"{gate.format(14)} -> #DF -> {gate.format(8)}: triple fault"
    )
