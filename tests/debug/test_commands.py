"""Each command is one object: what it reads it writes, and everything derives from it."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu import open_session
from emu.debug import language
from emu.debug.aliases import ALWAYS, SETS
from emu.debug.command import Command, Order
from emu.debug.commands import COMMANDS
from emu.debug.screen_words import SCREEN_WORDS
from emu.errors import CommandError
from tests.debug.test_words import PIECES
from tests.tui import builder
from tests.tui.still_door import Still
from tui.completing import complete
from tui.sources import Sources

SOURCES: Final = Sources(Still(builder.stopped()))
NUMBERS: Final = st.integers(0, 1 << 64).map(str)
WORDS: Final = st.one_of(NUMBERS, st.sampled_from(PIECES))


def test_no_word_means_two_commands() -> None:
    words = [*(one.word for one in COMMANDS), *SCREEN_WORDS]
    for name in SETS:
        every = [*words, *(one.word for one in (*ALWAYS, *SETS["gdb"]))]
        assert len(every) == len(set(every))
        assert not {one.word for one in SETS[name]} & set(words)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.word)
@given(words=st.lists(WORDS, max_size=6))
def test_what_a_command_reads_it_writes(command: Command, words: list[str]) -> None:
    line = " ".join((command.word, *words))
    try:
        order = language.parse(line)
    except language.CommandError:
        return
    if line[-1] == "?":  # `step ?` asks what `step` is
        assert order == language.parse(f"help {line[:-1]}")
    else:
        assert order.command is command
    assert language.parse(str(order)) == order


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.word)
def test_a_command_is_helped_with_by_each_of_its_words(command: Command) -> None:
    session = open_session(platform="none", cpus=1)
    assert any(line.startswith(command.usage) for line in session.do("help").reply)
    for asked in (f"help {command.word}", f"?{command.word}", f"{command.word}?"):
        assert session.do(asked).reply[:2] == (command.usage, command.help)
    short = [one.word for one in ALWAYS if one.ours == command.word]
    for word in short:
        said = session.do(f"help {word}").reply
        assert said[0] == f"{word}: stands for `{command.word}`"
        assert said[1:3] == (command.usage, command.help)
        assert word in session.do(f"help {command.word}").reply[2]


def test_a_short_word_is_the_same_order() -> None:
    assert language.parse("s 2 5") == language.parse("step 2 5")
    assert language.parse("s 2 5") != language.parse("step 2 6")
    assert isinstance(language.parse("c"), Order)


def test_words_that_a_command_knows_are_completed_behind_it() -> None:
    assert complete("walk rsp exe", SOURCES) == "walk rsp execute"
    assert complete("catch hyp", SOURCES) == "catch hypercall"
    assert complete("break mailbox_ack onc", SOURCES) == "break mailbox_ack once"
    assert complete("b mailbox_ack onc", SOURCES) == "b mailbox_ack once"
    assert complete("run xyz", SOURCES) is None


def test_an_order_can_be_handed_in_as_a_value() -> None:
    one, other = open_session(platform="none", cpus=1), open_session(platform="none", cpus=1)
    one.do(language.parse("step 7"))
    other.do("step 7")
    assert (one.machine.board.tick, one.digest()) == (7, other.digest())


@pytest.mark.parametrize(
    "words",
    ["step 0", "step 1 0", "step all 0", "next 0", "run 0", "reverse-step 0", "reverse-next 0",
     "reverse-step any 0", "schedules 0"],
)  # fmt: skip
def test_what_is_to_be_done_no_time_at_all_is_refused(words: str) -> None:
    session = open_session(platform="tdx", cpus=2)
    with pytest.raises(CommandError, match="0 is none: at least one"):
        session.do(words)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("brek mailbox_ack", "'brek' is no command: did you mean 'break'?"),
        ("xyzzy", "'xyzzy' is no command: `help` lists them"),
        ("break mailbox_akc", "mailbox_akc: no symbol, .* did you mean 'mailbox_ack'?"),
        ("break xyzzy", "xyzzy: no symbol, file:line or address of that name$"),
    ],
)
def test_who_mistypes_a_word_is_told_the_one_that_is_like_it(words: str, says: str) -> None:
    session = open_session(platform="tdx", cpus=2)
    with pytest.raises(CommandError, match=says):
        session.do(words)


def test_the_words_of_a_filter_must_all_be_there_in_any_case_and_order() -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("until kernel_start")
    *rows, head = session.do("events VIRTUAL starts").reply
    assert rows and all("virtual" in row.lower() and "starts" in row.lower() for row in rows)
    assert session.do("events starts virtual").reply[:-1] == tuple(rows)
    total = len(session.machine.board.logs.events)
    hidden = total - len(rows)
    assert head == f"{len(rows)} of {total} events, {hidden} hidden by 'VIRTUAL starts'"
    assert session.do("events virtual nowhere").reply[-1].startswith("0 of ")
