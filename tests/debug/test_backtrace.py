"""`bt` as people type it: anywhere, of any CPU, in the past as well, and nothing changes."""

import pytest

from emu import open_session
from emu.errors import CommandError
from tests.guest import boot


@pytest.mark.parametrize("platform", ["tdx", "vbs", "none", "sipi"])
def test_each_frame_says_where_it_is_and_what_it_was_found_by(platform: str) -> None:
    session = open_session(platform=platform, cpus=2)
    session.do("until wake_cpu")
    before = session.digest()
    first, *others, ending = session.do("bt").reply
    assert first.startswith("#0 ")
    assert "wake_cpu (smp.c:" in first
    assert "registers" in first
    assert [row.split()[2].partition("+")[0] for row in others] == [
        "wake_aps", "kernel_main", "kernel_start",
    ]  # fmt: skip
    assert all("  code" in row for row in others)
    assert ending == "cpu 0: the outermost frame: it took a stack of its own"
    assert session.digest() == before


def test_of_another_cpu_the_focus_stays() -> None:
    session = open_session(platform="none", cpus=2)
    session.do("until secondary_main")
    assert session.focus == 1
    said = session.do("bt 0").reply
    assert said[-1].startswith("cpu 0: ")
    assert session.focus == 1
    with pytest.raises(CommandError, match="there is no cpu 7"):
        session.do("bt 7")


def test_one_that_has_not_started_has_no_frames() -> None:
    session = open_session(platform="tdx", cpus=2)
    assert session.do("backtrace 1").reply == ("cpu 1: it has not started",)


def test_in_the_past_it_is_what_it_was_then() -> None:
    session = open_session(platform="none", cpus=2)
    session.do("until wake_cpu")
    tick, said = session.machine.board.tick, session.do("bt").reply
    session.do("run")
    session.do(f"goto {tick}")
    assert session.do("bt 0").reply == said


LOST = """
start:
    call work
    hlt
work:
    mov rsp, [rip + there]
    and rsp, -64
lost:
    nop
    hlt
there:
    .quad 0x408f00
"""


def test_guesses_have_a_mark_and_are_counted() -> None:
    session = boot(LOST)
    session.do("until lost")
    session.do("set gva:0x408f10/8=start+5")
    first, guess, ending = session.do("bt").reply
    assert "?" not in first
    assert guess.split() == ["#1", "?0x410005", "start+0x5", "guess"]
    assert ending == "cpu 0: the outermost frame: the image is entered here; guesses: 1"
