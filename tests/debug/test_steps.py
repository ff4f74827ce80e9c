"""Stepping: one instruction of one CPU, whatever that CPU waits for."""

import pytest

from emu import open_session
from emu.debug import language
from emu.errors import CommandError


def test_a_step_is_one_instruction() -> None:
    session = open_session(cpus=2)
    for expected in range(1, 40):
        view = session.do("step")
        assert (view.tick, view.cpus[0].ticks) == (expected, expected)


def test_steps_and_runs_agree() -> None:
    stepped = open_session(cpus=1)
    stepped.do("step 0 20000")
    ran = open_session(cpus=1)
    ran.do("run 20000")
    assert stepped.view().tick == ran.view().tick == 20_000
    assert stepped.digest() == ran.digest()


def test_a_parked_cpu_steps_through_every_instruction_of_its_loop() -> None:
    session = open_session(cpus=2)
    session.do("until kernel_start")
    view = session.do("cpu 1")
    assert view.cpus[1].state == "parked"
    assert view.cpus[1].waits == "mailbox command == 1 or == 2"
    places = [session.do("step 1 1").cpus[1].symbol for _ in range(14)]
    assert places[:7] == places[7:]
    assert len(set(places)) == 7


def test_a_cpu_that_has_not_started_says_why_it_cannot_step() -> None:
    session = open_session(cpus=2)
    with pytest.raises(CommandError, match="cpu 1 cannot step: nobody has started it"):
        session.do("step 1 1")
    with pytest.raises(CommandError, match="there is no cpu 7"):
        session.do("step 7 1")


def test_next_runs_a_call_to_its_return() -> None:
    session = open_session(platform="none", cpus=1)
    session.do("until shim_main")
    while session.view().code and not any(
        line.current and line.text.startswith("call") for line in session.view().code
    ):
        session.do("step")
    here = next(line for line in session.view().code if line.current)
    after = session.do("next").cpus[0].rip
    assert after == here.address + len(bytes.fromhex(here.bytes.replace(" ", "")))


def test_finish_leaves_the_function() -> None:
    session = open_session(platform="none", cpus=1)
    session.do("until read_host_tree")
    view = session.do("finish")
    assert view.cpus[0].symbol.startswith("shim_main+")


@pytest.mark.parametrize(
    "text",
    ["step 1 20", "run", "run 500", "until mailbox_ack", "break main.c:10 cpu 2", "cpu 3",
     "delete 1", "mem gpa:0x1000 64", "walk 0xfffff000", "npt 0x8000000", "help step", "reset"],
)  # fmt: skip
def test_commands_print_and_parse_back(text: str) -> None:
    found = language.parse(text)
    assert language.parse(str(found)) == found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "an empty line is no command"),
        ("fly", "'fly' is no command"),
        ("step x", "step count: 'x' is not a number"),
        ("break", "break: needs where"),
        ("cpu", "cpu: needs cpu"),
        ("break nowhere", "nowhere: no symbol"),
        ("delete 9", "there is no breakpoint 9"),
        ("mem gpa:0x7000000000", "nothing is mapped there"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(text: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        open_session(cpus=1).do(text)
