"""Expressions: their values against Python's, and one sentence for what is none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu import open_session
from emu.errors import CommandError
from emu.hw.address import U64
from emu.words.expression import evaluate

SESSION = open_session(cpus=2)
CPU = SESSION.machine.board.cpus[0]


def value(text: str) -> int:
    """The value for CPU 0 before its first instruction."""
    return evaluate(SESSION.machine, CPU, text)


SIGNS = ("+", "-", "*", "&", "|", "^", "==", "!=", "<", "<=", ">", ">=", "and", "or")


@settings(max_examples=300)
@given(
    first=st.integers(0, U64),
    rest=st.lists(st.tuples(st.sampled_from(SIGNS), st.integers(0, U64)), max_size=4),
)
def test_operators_give_what_python_gives_in_parentheses(
    first: int, rest: list[tuple[str, int]]
) -> None:
    text, wanted = str(first), first
    for sign, number in rest:
        text = f"({text}) {sign} {number:#x}"
        found = eval(f"a {sign} b", {"a": wanted, "b": number})
        wanted = (int(bool(found)) if sign in ("and", "or") else int(found)) & U64
    assert value(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("1 << 4 | 1", 17),
        ("2 & 3 == 2", 1),
        ("not 5", 0),
        ("!0 && 1", 1),
        ("-1", U64),
        ("~0 & 0xff", 255),
        ("cpu == 0 and tick == 0", 1),
        ("1_000 + 1,000", 2_000),
    ],
)
def test_precedence_and_words(text: str, wanted: int) -> None:
    assert value(text) == wanted


def test_a_place_may_be_named_by_a_decimal_number() -> None:
    start = SESSION.machine.board.linear_rip(CPU)
    assert value(f"gpa:{start}") == value(f"gpa:{start:#x}") == value(f"[{start}]")


def test_places_are_values() -> None:
    machine = SESSION.machine
    assert value("rip") == CPU.registers.rip == value("cpu0:rip")
    start = machine.board.layout.symbols.find("_start")[0]
    assert value("_start") == start and value("_start + 4") == start + 4
    first = int.from_bytes(machine.board.ram.guest_bytes(start, 4) or b"", "little")
    assert value("[_start]/4") == value("gpa:_start/4") == first
    assert value(f"npt:{start:#x} & 1") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "something is missing at the end"),
        ("1 +", "something is missing at the end"),
        ("1 2", "'2' is not expected here"),
        ("(1", "something is missing at the end"),
        ("[1)", "a parenthesis is not closed"),
        ("nothing_like_it", "no symbol, file:line or address of that name"),
        ("cpu7:rax", "there is no cpu 7"),
        ("cpu1:rax", "has not started"),
        ('1 " 2', "cannot be read"),
        ("0x", "is not a number"),
        ("(" * 80 + "1" + ")" * 80, "deeper than 64 parentheses"),
    ],
)
def test_what_is_none_is_said_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(CommandError) as error:
        value(text)
    assert said in str(error.value)


@settings(max_examples=200)
@given(text=st.text(max_size=30))
def test_any_text_is_a_value_or_a_sentence(text: str) -> None:
    try:
        assert 0 <= value(text) <= U64
    except CommandError as error:
        assert str(error)
