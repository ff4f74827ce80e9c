"""Words of gdb, WinDbg and vim: each is the command that its users mean by it."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu import Session, open_session
from emu.debug import language
from emu.debug.aliases import SETS, Alias, aliases
from emu.debug.screen_words import SCREEN_WORDS
from emu.errors import CommandError
from tests.debug.test_words import PIECES

GDB: Final = (
    # Debugging with GDB: "Continuing and Stepping", "Breakpoints", "Examining the Stack",
    # "Examining Data", "Examining the Symbol Table", "Threads", "Running programs backward".
    ("s", "step"), ("step 3", "step 3"), ("si", "step"), ("stepi 5", "step 5"),
    ("ni", "next"), ("nexti 4", "next 4"), ("n", "next"), ("c", "run"), ("continue", "run"),
    ("fin", "finish"), ("b main", "break main"), ("tbreak f if cpu == 1",
                                                 "break f once if cpu == 1"),
    ("hbreak f", "break f"), ("d 2", "delete 2"), ("l f", "list f"),
    ("disassemble f", "list f"), ("p $rax", "print $rax"), ("p/x $rax", "print $rax"),
    ("x/8gx $rsp", "examine $rsp 8 gx"), ("x/3i $pc", "examine $pc 3 bi"),
    ("x/s 0x10", "examine 0x10 1 bs"), ("x/2dw 0x10", "examine 0x10 2 wd"),
    ("x/4ub 0x10", "examine 0x10 4 bu"), ("x/a $sp", "examine $sp 1 ga"),
    ("x/2xh $sp + 8", "examine $sp + 8 2 hx"), ("x/c 0", "examine 0 1 bc"),
    ("info registers", "registers"), ("i r", "registers"), ("info reg rip", "print rip"),
    ("info breakpoints", "breakpoints"), ("i b", "breakpoints"), ("info threads", "cpus"),
    ("info watchpoints", "breakpoints"), ("info checkpoints", "branches"),
    ("info symbol 0x10", "print 0x10"), ("info functions mail", "symbols mail"),
    ("info line main", "list main"), ("info waits", "waits"), ("thread 2", "cpu 2"),
    ("thread", "cpus"), ("t 1", "cpu 1"), ("watch rax", "watch rax"),
    ("rwatch gpa:0x10", "watch gpa:0x10 read"), ("awatch gpa:0x10", "watch gpa:0x10 access"),
    ("reverse-continue", "reverse-run"), ("rc", "reverse-run"), ("rsi 2", "reverse-step 2"),
    ("rni", "reverse-next"), ("until f", "until f"), ("h step", "help step"),
)  # fmt: skip
WINDBG: Final = (
    # Debugger command reference: t, p, g, gu, k, d*, e*, r, u, x, ~, bp, bl, bc, ba, !pte, ?.
    ("g", "run"), ("g main", "until main"), ("t", "step"), ("t 5", "step 5"), ("p", "next"),
    ("p 2", "next 2"), ("gu", "finish"), ("u main", "list main"), ("x mail*", "symbols mail*"),
    ("? rax+1", "print rax+1"), ("bp main", "break main"), ("bl", "breakpoints"),
    ("bc 1", "delete 1"), ("ba w4 0x10", "watch 0x10/4 write"),
    ("ba r8 0x10", "watch 0x10/8 access"), ("ba e1 main", "break main"), ("r", "registers"),
    ("r rax", "print rax"), ("r @rax=5", "set @rax=5"), ("db rsp", "mem rsp 128"),
    ("db rsp L8", "mem rsp 8"), ("dw rsp L2", "examine rsp 2 hx"),
    ("dd rsp l3", "examine rsp 3 wx"), ("dq rsp", "examine rsp 16 gx"),
    ("dq", "examine rsp 16 gx"), ("dps rsp L4", "examine rsp 4 ga"),
    ("eq 0x10 5", "set 0x10/8=5"), ("eb 0x10 5", "set 0x10/1=5"), ("~", "cpus"),
    ("~2s", "cpu 2"), ("~2", "cpu 2"), ("!pte main", "walk main"), ("lm", "symbols"),
    ("g-", "reverse-run"), ("t-", "reverse-step"), ("!tt 50%", "goto 50%"),
)  # fmt: skip
COLLIDE: Final = ("g", "t", "p", "u", "x", "?")
"""Words of WinDbg that without its preset mean what gdb and we mean by them."""


@pytest.fixture(scope="module")
def booted() -> Session:
    """At the end of a boot."""
    session = open_session(platform="tdx", cpus=2)
    session.do("until mailbox_ack")
    return session


@pytest.mark.parametrize(("typed", "ours"), GDB)
def test_words_of_gdb_mean_what_gdb_says(typed: str, ours: str) -> None:
    assert language.parse(typed) == language.parse(ours)
    assert language.parse(str(language.parse(typed))) == language.parse(ours)


@pytest.mark.parametrize(("typed", "ours"), WINDBG)
def test_words_of_windbg_mean_what_windbg_says_with_its_preset(typed: str, ours: str) -> None:
    assert language.parse(typed, "windbg") == language.parse(ours)
    if typed.split()[0] not in COLLIDE:
        assert language.parse(typed) == language.parse(ours), "it works always"


def test_words_that_collide_are_gdb_s_without_the_preset() -> None:
    assert language.ours("p rax") == "print rax" and language.ours("g 5") == "goto 5"
    assert language.ours("t 1") == "cpu 1" and language.ours("x rsp") == "mem rsp"
    assert {one.word for one in SETS["windbg"]} == set(COLLIDE)


def test_a_question_mark_asks_and_is_no_part_of_an_alias() -> None:
    for word in ("x/8gx", "~2s", "s", "step", "~"):
        assert language.ours(f"{word}?") == f"help {word}"
    assert language.ours("? rsp") == "help rsp" and language.ours("?", "windbg") == "help"
    assert language.ours("? rsp", "windbg") == "print rsp"


def test_words_of_vim_leave_and_write() -> None:
    for typed in (":q", ":q!", ":wq", ":qa", ":x", "q"):
        assert language.ours(typed, "vim") == "quit"
    assert language.ours(":w file.txt", "vim") == "write file.txt"
    assert language.ours(":q") == "quit", "also without the preset"


def every_alias() -> list[tuple[str, Alias]]:
    """(set, alias) of all sets."""
    return [(name, one) for name in SETS for one in aliases(name).values()]


@given(
    st.sampled_from(every_alias()), st.lists(st.sampled_from((*PIECES, "3", "rsp")), max_size=3)
)
def test_an_alias_is_written_out_in_our_words(one: tuple[str, Alias], words: list[str]) -> None:
    """What it comes to is a command or a word of the screen, and read again the same order."""
    name, alias = one
    text = " ".join((alias.word, *words))
    try:
        order = language.parse(text, name)
    except CommandError as error:
        assert str(error) and "\n" not in str(error)
        return
    assert language.parse(language.ours(text, name), name) == order
    assert language.parse(str(order), name) == order, "what is printed means the same in all"


@pytest.mark.parametrize("alias", [one for _, one in every_alias()], ids=lambda one: one.word)
def test_an_alias_names_what_there_is(alias: Alias) -> None:
    first = alias.ours.split()[0].rstrip(",")
    assert first in language.BY_WORD or first in SCREEN_WORDS or first == "bt"


@given(st.text(max_size=40), st.sampled_from(tuple(SETS)))
def test_random_words_are_a_command_or_a_sentence(text: str, words: str) -> None:
    try:
        language.parse(text, words)
    except CommandError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("x/0gx rsp", "0 is none"),
        ("x/8q rsp", "'q' is no format"),
        ("x/8gx", "takes x/NFU WHERE"),
        ("~foo", "takes a CPU's number"),
        ("ba z4 rsp", "takes r, w or e"),
        ("info", "takes one of registers"),
        ("eq rsp", "takes WHERE VALUE"),
        ("p/q rax", "takes p/x EXPR"),
        ("si 0", "0 is none"),
        ("si x", "'x' is not a number"),
        ("copy", "a word of the screen"),
        (":q", "a word of the screen"),
        ("rwatch", "takes PLACE"),
    ],
)
def test_wrong_words_behind_an_alias_are_told_in_a_sentence(typed: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        language.parse(typed)


def test_a_session_takes_the_words_of_the_set_in_force(booted: Session) -> None:
    assert booted.do("p $rip").reply[0].startswith("$rip = ")
    booted.looks.words = "windbg"
    before = booted.machine.board.tick
    booted.do("t 2")
    assert booted.machine.board.tick == before + 2
    booted.looks.words = "gdb"
    booted.do("t 0")
    assert booted.focus == 0


def test_registers_have_a_sign_where_people_type_it(booted: Session) -> None:
    booted.do("cpu 1")
    rip, rsp = (booted.registers()[name] for name in ("rip", "rsp"))
    for word in ("$rip", "$pc", "@rip", "cpu1:$rip", "cpu1:rip", "rip"):
        assert f"= {rip:#x} " in booted.do(f"print {word}").reply[0]
    assert booted.do("print $sp == rsp and $fp == rbp").reply[0].endswith("0x1 1")
    assert booted.do("print $eflags == rflags").reply[0].endswith("0x1 1")
    with pytest.raises(CommandError, match="there is no register 'rxx'"):
        booted.do("print $rxx")
    assert booted.do("break *$rip").reply[0].endswith(f"at {rip:#x}: {rip:#x}")
    assert booted.do("last-writer rsp+8").reply[0].startswith(f"gva:{rsp + 8:#x}/8: ")
    for word in ("[rsp]", "$rsp", "cpu1:[rsp]"):
        said = booted.do(f"last-writer {word}").reply[0]
        assert said.startswith(word if "[" not in word else ("gva:", "cpu1:gva:"))


def test_memory_is_shown_in_the_form_that_is_asked_for(booted: Session) -> None:
    booted.do("cpu 1")
    rsp = booted.registers()["rsp"]
    data = bytes(byte or 0 for byte in booted.memory("rsp", 32))
    words = [int.from_bytes(data[at : at + 8], "little") for at in range(0, 32, 8)]
    assert booted.do("x/4gx $rsp").reply == (
        f"{rsp:#x}: {words[0]:#x}  {words[1]:#x}",
        f"{rsp + 16:#x}: {words[2]:#x}  {words[3]:#x}",
    )
    signed = int.from_bytes(data[:4], "little", signed=True)
    assert booted.do("x/dw $rsp").reply == (f"{rsp:#x}: {signed}",)
    assert booted.do("x/tb $rsp").reply == (f"{rsp:#x}: {data[0]:08b}",)
    assert booted.do("x/oh $rsp").reply[0].endswith(f"0{int.from_bytes(data[:2], 'little'):o}")
    assert booted.do("x/2i $pc").reply[0].startswith(f"{booted.registers()['rip']:#x} <")
    assert booted.do("x/a secondary_start").reply[0].startswith("0x")
    with pytest.raises(CommandError, match="nothing is mapped"):
        booted.do("x/gx 0x123456789000")


def test_a_sign_is_read_in_conditions_before_a_cpu_has_registers() -> None:
    session = open_session(platform="tdx", cpus=2)
    session.do("cpu 1")
    session.do("break mailbox_ack if $rax == 2 and @rip != 0")
    with pytest.raises(CommandError, match="there is no register 'rxx'"):
        session.do("break mailbox_ack if $rxx == 2")
    with pytest.raises(CommandError, match="has not started"):
        session.do("print $rax")


@pytest.mark.parametrize(
    "words", ["last-writer rsp+", "watch [rsp", "set [rax]]=1", "accessed $rxx", "break *$",
              "until $[", "watch rsp+8/0", "last-writer cpu9:[rsp]", "list *", "x/8gx *"]
)  # fmt: skip
def test_what_points_nowhere_is_a_sentence(booted: Session, words: str) -> None:
    with pytest.raises(CommandError):
        booted.do(words)


def test_a_store_through_an_expression_reaches_the_memory_that_it_points_at(
    booted: Session,
) -> None:
    booted.do("cpu 1")
    booted.do("set [rsp-8]/4=0x1234")
    assert booted.do("print [rsp-8]/4").reply[0].endswith("= 0x1234 4,660")
    booted.do("ed rsp-16 0x77")
    assert booted.do("x/xw rsp-16").reply[0].endswith(": 0x77")


def test_numbers_are_ours_in_words_of_others() -> None:
    assert language.parse("db rsp L10", "windbg") == language.parse("mem rsp 10")
    assert language.parse("db rsp L10", "windbg") != language.parse("mem rsp 16")
    assert language.parse("c 5") == language.parse("run 5")
    assert language.parse("p/t rax") == language.parse("p/x rax") == language.parse("print rax")
    assert language.parse("x rsp") == language.parse("mem rsp")
