"""Registers are followed to what lies where they point."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu import Session, open_session
from emu.picture.pointed import pointed
from tests.guest import DATA, boot, label
from tui.panels.base import Window
from tui.panels.registers import render

TEXT = 'here:\n hlt\ntext:\n .asciz "hello, you\\n"'


@pytest.fixture(scope="module")
def woken() -> Session:
    session = open_session(platform="tdx", cpus=3)
    session.do("until mailbox_ack")
    return session


def words(session: Session, value: int, cpu: int = 0) -> str:
    machine = session.machine
    return pointed(machine, machine.board.cpus[cpu], value).words


def test_code_is_named_and_known_as_code(woken: Session) -> None:
    at = woken.machine.board.layout.symbols.find("secondary_start")[0]
    found = pointed(woken.machine, woken.machine.board.cpus[1], at + 4)
    assert (found.words, found.code) == ("secondary_start+0x4", True)


def test_a_stack_is_its_cpus(woken: Session) -> None:
    for cpu in (0, 1):
        rsp = woken.registers(cpu)["rsp"]
        assert words(woken, rsp, cpu) == f"stack of cpu {cpu}"


def test_the_mailbox_is_named_where_no_symbol_is(woken: Session) -> None:
    assert words(woken, woken.registers(1)["r13"], 1) == "mailbox"


def test_a_text_is_quoted_and_small_numbers_are_numbers() -> None:
    session = boot(TEXT)
    session.do("until here")
    at = label(session.machine.board, "text")
    machine, cpu = session.machine, session.machine.board.cpus[0]
    cpu.registers.put("rip", DATA)  # the text lies in the code of the image, which is named
    assert words(session, at) == "text"
    machine.board.memory.write(machine.board.ram.hpa(DATA), b"shim ready\n\0")  # type: ignore[arg-type]
    assert words(session, DATA) == '"shim ready"'
    machine.board.memory.write(machine.board.ram.hpa(DATA), b"a\x1b[31mred\0")  # type: ignore[arg-type]
    assert "\x1b" not in words(session, DATA)
    assert not words(session, 0xFFF)
    assert not words(session, 1 << 47)


@settings(max_examples=100)
@given(value=st.integers(0, 2**64 - 1))
def test_any_number_is_nothing_or_printable(woken: Session, value: int) -> None:
    assert words(woken, value).isprintable()


def test_the_command_says_it_too_and_looks_change_nothing(woken: Session) -> None:
    before = woken.digest()
    said = "\n".join(woken.do("registers").reply)
    assert "secondary_start" in said
    assert "stack of cpu 1" in said
    assert woken.digest() == before


def test_enter_goes_to_code_as_code_and_to_data_as_data(woken: Session) -> None:
    woken.looks.wanted = frozenset({"pointers"})
    page = render(woken.picture(), Window(80, 30))
    go = {spot.key: spot.go for spot in page.spots}
    assert go["r14"] == "list r14"
    assert go["rip"] == "list rip"
    assert go["rsp"] == "mem rsp"
