"""A listing is in the mode of the code, whoever looks at it."""

import pytest

from emu import Session, open_session
from emu.errors import CommandError

FAR_JUMP = 0x9E047
"""The far jump of the sample's trampoline, at tick 39,606: LME, PE and PG are set, and CS is
still the one of real mode, so this is compatibility mode with CS.D = 0 (SDM 3, 5.2.1)."""


@pytest.fixture(scope="module")
def session() -> Session:
    session = open_session(platform="sipi", cpus=4)
    session.do("until 0x9e047")
    return session


def rows(session: Session, words: str) -> list[str]:
    return [" ".join(row.split()) for row in session.do(words).reply]


@pytest.mark.parametrize("cpu", [0, 1])
def test_16_bit_code_of_compatibility_mode_is_read_as_such_by_every_cpu(
    session: Session, cpu: int
) -> None:
    view = session.do(f"cpu {cpu}")
    assert view.cpus[cpu].mode == ("long" if not cpu else "compatibility")
    assert any(row.startswith("0x9e047 ljmp fword ptr [0x68]")
               for row in rows(session, f"list {FAR_JUMP:#x}"))  # fmt: skip


def test_an_operand_lies_in_its_segment(session: Session) -> None:
    session.do("cpu 1")
    (row,) = (row for row in rows(session, "list") if row.startswith("0x9e047"))
    assert "[0x9e068] = 0x" in row, "DS begins at 0x9e000"


def test_code_behind_a_far_jump_is_a_guess_until_somebody_has_executed_it() -> None:
    session = open_session(platform="sipi", cpus=2)
    session.do("until 0x9e047")
    session.do("cpu 1")
    guess = "-- 64-bit code (a guess, as its image is for 64-bit processors) --"
    assert guess in rows(session, "list")
    session.do("step")
    session.do("reverse-step")
    assert "-- 64-bit code --" in rows(session, "list")
    assert "0x9e04c mov ebx, ebx" in rows(session, "list")


def test_a_guest_physical_address_is_where_code_lies_and_not_what_stands_there(
    session: Session,
) -> None:
    session.do("cpu 0")
    assert "0x9e000 cli" in rows(session, "list gpa:0x9e000")
    assert rows(session, "list gva:0x9e000") == rows(session, "list gpa:0x9e000")
    assert session.view().code_look.where == "gpa:0x9e000"
    session.do("list")


def test_what_a_cpu_does_not_map_is_said() -> None:
    session = open_session(platform="tdx", cpus=2)
    session.do("until mailbox_wait")
    with pytest.raises(CommandError, match="maps nothing at gpa 0x9000000: `cpu N` first"):
        session.do("list gpa:0x9000000")


def test_64_bit_code_is_listed_as_such_from_the_reset_vector_of_a_td() -> None:
    session = open_session(platform="tdx", cpus=2)
    assert session.view().cpus[0].mode == "protected"
    shown = rows(session, "list secondary_start")
    assert shown[0].startswith("-- 64-bit code (a guess")
    assert any("mov rax, qword ptr [rip +" in row for row in shown)


def test_code_that_known_code_leads_to_is_as_that_is() -> None:
    """A TD begins in 32-bit protected mode (TDX module ABI, initial state)."""
    session = open_session(platform="tdx", cpus=2)
    shown = rows(session, "list reset_entry")
    assert not any("guess" in row for row in shown[:4])
    assert any(row.startswith("0xfffff0a8 lgdt [0x") for row in shown)


def test_the_mode_stands_above_what_a_screen_shows_first(session: Session) -> None:
    session.do("cpu 0")
    code = session.do("list gpa:0x9e000").code
    assert (code[0].kind, code[0].text) == ("mode", "-- 16-bit code --")
    session.do("list")
