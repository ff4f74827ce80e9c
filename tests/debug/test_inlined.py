"""Inlined functions are frames, rows of code and places of their own, and steps pass them."""

import pytest

from emu import Session, open_session
from emu.errors import CommandError
from emu.picture.stop import OnLine
from tests.boot.guest import compiled

CALLS = """\
typedef unsigned char u8;
volatile int other = 3, seen;
static inline __attribute__((always_inline)) int inner(int value) {
    if (other)
        seen += value;
    return value * other;
}
static inline __attribute__((always_inline)) int middle(int value) {
    seen ^= 5;
    return inner(value) + 1;
}
__attribute__((noinline)) int called(int value) {
    seen += 1;
    int first = middle(value);
    seen = first;
    return first + seen;
}
__attribute__((noinline, used)) void begin(void) {
    seen = called(other);
    seen += 2;
    for (;;)
        __asm__ volatile("pause");
}
char stack[4096];
__attribute__((naked)) void _start(void) {
    __asm__ volatile("lea stack+4096(%rip), %rsp; call begin");
}
"""
"""`called` calls `middle` in line 14, `middle` calls `inner` in line 10."""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    flags = ("-gdwarf-5", "-fPIE", "-pie", "-O1", "-fasynchronous-unwind-tables")
    folder = tmp_path_factory.mktemp("inlined")
    return str(compiled(folder, *flags, text=CALLS, file="calls.c"))


@pytest.fixture
def session(image: str) -> Session:
    found = open_session(image, platform="none", cpus=1)
    found.do("until called")
    return found


def lines(session: Session, command: str, most: int) -> list[str]:
    """The lines at which steps stop, up to the loop at the end."""
    found: list[str] = []
    for _ in range(most):
        stops = session.do(command).stop
        found += [stop.line for stop in stops if isinstance(stop, OnLine)]
        if found[-1].endswith((":20", ":21", ":22")):
            break
    return [one.removeprefix("calls.c:") for one in found]


def inside(session: Session) -> Session:
    session.do("until calls.c:5")
    return session


def test_inlined_functions_are_frames_with_the_line_of_their_call(session: Session) -> None:
    rows = [row.split() for row in inside(session).do("bt").reply[:-1]]
    assert [row[2].partition("+")[0] for row in rows] == [
        "inner", "middle", "called", "begin", "_start",
    ]  # fmt: skip
    assert [row[3] for row in rows] == [
        "(calls.c:5)", "(calls.c:10)", "(calls.c:14)", "(calls.c:19)", "(calls.c:26)",
    ]  # fmt: skip
    assert [row[4] for row in rows[:3]] == ["inlined", "inlined", "registers"]
    assert rows[3][4] != "inlined"
    assert session.do("where").reply == session.do("bt").reply


def test_finish_leaves_the_function_that_was_called(session: Session) -> None:
    inside(session).do("finish")
    (frame, *_) = session.do("bt").reply
    assert "begin" in frame and "(calls.c:19)" in frame


def test_a_step_over_a_line_stays_in_its_function(session: Session) -> None:
    found = lines(session, "next line", 12)
    assert {"13", "15", "16"} <= set(found)
    assert not {"4", "5", "6", "9", "10"} & set(found)


def test_a_step_goes_into_what_is_inlined(session: Session) -> None:
    found = lines(session, "step line", 30)
    assert {"9", "5"} <= set(found)
    assert found.index("9") < found.index("5") < found.index("15")


def test_a_step_over_within_an_inlined_function_leaves_it(session: Session) -> None:
    found = lines(inside(session), "next line", 12)
    assert found[0] in ("6", "10", "14", "15"), "onwards, and outwards"
    assert "15" in found


def test_the_listing_says_whose_row_it_is(session: Session) -> None:
    rows = session.picture().code
    owner, of = "", dict[int, str]()
    for row in rows:
        if row.kind in ("label", "inlined"):
            owner = row.text
        elif row.kind == "asm":
            of[row.address] = owner
    table = session.machine.board.layout.lines
    assert "-- inner, inlined at calls.c:10 --" in of.values()
    assert "-- called --" in of.values(), "behind it the code is the function's again"
    for address, words in of.items():
        found = table.functions(address)
        if found:
            name = found[0].name
            assert words.startswith(f"-- {name}" if found[0].inlined else ("-- ", f"{name}:"))
            assert f" {name}" in f" {words.strip(':')}", hex(address)


def test_the_focus_moves_among_frames(session: Session) -> None:
    inside(session)
    before = session.digest()
    assert session.do("frame").reply[0].startswith("#0 ")
    up = session.do("up").reply
    assert up[0].startswith("#1 ") and "middle (calls.c:10)" in up[0]
    assert up[1] == "    10     return inner(value) + 1;"
    assert "called" in session.do("up").reply[0]
    said = session.do("up").reply
    assert said[0].startswith("#3 ") and said[1].endswith("seen = called(other);")
    outer = session.machine.board.layout.symbols.find("begin")[0]
    shown = session.picture()
    assert shown.code_look.frame == "frame 3 begin"
    assert any(row.kind == "label" and row.address == outer for row in shown.code)
    listed = session.do("list").reply[0]
    assert int(listed.split()[0], 16) == int(said[0].split()[1], 16) or "begin" in listed
    assert session.do("up 9").reply[0].startswith("#4 "), "the outermost"
    session.do("frame 3")
    assert session.do("down 2").reply[0].startswith("#1 ")
    assert session.do("down 9").reply[0].startswith("#0 ")
    with pytest.raises(CommandError, match="there is no frame 7: cpu 0 has frames 0 to 4"):
        session.do("frame 7")
    assert session.digest() == before


def test_registers_are_those_of_the_frame(session: Session) -> None:
    inside(session)
    session.do("frame 3")
    rows = {row.split()[0]: row.split()[1:] for row in session.do("registers").reply}
    assert rows["frame"][0] == "3"
    back = session.do("bt").reply[3].split()[1]
    assert int(rows["rip"][0], 16) == int(back, 16)
    own = session.machine.board.cpus[0].registers
    assert int(rows["rsp"][0], 16) > own.get("rsp")
    assert rows["rax"][:2] == ["not", "known:"], "a callee may change it"
    session.do("frame 0")
    plain = {row.split()[0]: row.split()[1] for row in session.do("registers").reply}
    assert int(plain["rip"], 16) == own.rip


def test_the_frame_is_forgotten_when_the_machine_moves(session: Session) -> None:
    inside(session).do("frame 2")
    assert session.picture().code_look.frame
    session.do("step")
    assert session.do("frame").reply[0].startswith("#0 ")
    assert not session.picture().code_look.frame


def test_a_stop_tells_the_inlined_function(session: Session) -> None:
    session.do("watch seen/4 write")
    stop = session.do("run").stop[0].text
    assert "called" in stop
    assert "inlined" not in stop, "line 13 is its own"
    stop = session.do("run").stop[0].text
    assert ", inlined middle" in stop


def test_a_function_without_a_symbol_is_found_where_it_is_inlined(session: Session) -> None:
    assert session.machine.board.layout.symbols.find("inner") == []
    session.do("until middle")
    assert "reached called+" in session.stop[0].text
    (first, *_) = session.do("bt").reply
    assert "middle" in first or "inner" in first
    session.do("until inner")
    assert "inner" in session.do("bt").reply[0]
    with pytest.raises(CommandError, match="no symbol, file:line or address of that name"):
        session.do("until outermost")
