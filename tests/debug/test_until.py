"""`until`: to a place, or to something that is caught, for one command."""

import pytest

from emu import open_session
from emu.errors import CommandError


def test_a_run_goes_on_until_a_text_on_the_serial_line() -> None:
    session = open_session(cpus=2)
    session.do("until serial CPUS ONLINE")
    (stop,) = session.stop
    assert stop.kind == "catch" and session.verdict is None
    lines = session.picture().serial.splitlines()
    assert "cpus online" in lines[-1].lower() and lines[-1] in stop.text
    assert not any("cpus online" in line.lower() for line in lines[:-1])
    session.do("run")
    assert session.verdict is not None, "that was for one command"
    assert not session.view().breakpoints


def test_until_takes_whatever_is_caught_and_places_as_ever() -> None:
    session = open_session(cpus=2)
    session.do("until kernel_start")
    assert session.stop[0].text.endswith("reached kernel_start")
    session.do("until milestone mailbox_ack")
    assert [stop.kind for stop in session.stop] == ["catch"]
    with pytest.raises(CommandError, match="until: needs words: `help until`"):
        session.do("until")
    with pytest.raises(CommandError):
        session.do("until nowhere")
