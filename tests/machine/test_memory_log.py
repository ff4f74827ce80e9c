"""A line of the memory log is an event at the store that finishes it, and nowhere else."""

from emu.boot.layout import Region
from emu.hw.address import Gpa
from emu.machine.board import Board
from emu.machine.event import Event
from emu.machine.memory_log import REGION
from emu.timeline.moment import Moment
from tests.guest import BASE, FOREVER, Guest, finish, label

LOG = BASE + 0x10_0000
OPEN = f"mov ebx, {LOG:#x}\n mov word ptr [rbx], 8186\n mov dword ptr [rbx + 2], 0\n"
PUT = """
    lea rsi, [rip + text]
    xor ecx, ecx
again:
    mov al, [rsi + rcx]
    test al, al
    jz over
byte:
    mov [rbx + rcx + 6], al
used:
    inc word ptr [rbx + 2]
    inc ecx
    jmp again
over:
    hlt
"""


def guest(source: str, **more: object) -> Guest:
    """A guest whose loader has given it two pages for its log."""
    return Guest(source, regions=(Region(REGION, LOG, 0x2000),), **more)  # type: ignore[arg-type]


def logged(board: Board) -> list[Event]:
    """The lines that have been told."""
    return [one for one in board.logs.events if one.kind == "log"]


def lines(source: str, **more: object) -> list[str]:
    """Their words, of a guest that has run to its end."""
    return [one.text for one in logged(finish(guest(source, **more).driver()))]


def test_a_line_is_told_at_the_instruction_that_finishes_it() -> None:
    driver = guest(f'{OPEN}{PUT}text: .asciz "one\\n[WARN] two\\nnot"').driver()
    board = finish(driver)
    assert [(one.cpu, one.text) for one in logged(board)] == [(0, "one"), (0, "[WARN] two")]
    first = logged(board)[0]
    again = guest(f'{OPEN}{PUT}text: .asciz "one\\n[WARN] two\\nnot"').driver()
    before = finish(again, Moment(first.tick - 1))
    assert not logged(before)
    assert before.cpus[0].registers.rip == label(before, "used")
    assert [one.tick for one in logged(finish(again, Moment(first.tick)))] == [first.tick]


def test_what_is_counted_before_it_is_there_is_told_when_it_is_there() -> None:
    source = f"""{OPEN}
        mov word ptr [rbx + 2], 3
        mov byte ptr [rbx + 6], 'a'
        mov byte ptr [rbx + 7], 'b'
    here: mov byte ptr [rbx + 8], 10
        hlt"""
    board = finish(guest(source).driver())
    assert [(one.tick, one.text) for one in logged(board)] == [(7, "ab")]


def test_a_line_of_another_cpu_is_its_line() -> None:
    source = f"""
    cpu0: hlt
    cpu1: {OPEN} mov dword ptr [rbx + 6], 0x0a696820
        mov word ptr [rbx + 2], 4
        hlt"""
    board = finish(guest(source, cpus=2).driver())
    assert [(one.cpu, one.text) for one in logged(board)] == [(1, " hi")]


def test_an_entry_with_a_header_has_its_level() -> None:
    source = f"""{OPEN}
        mov dword ptr [rbx + 6], 0x68000201
        mov byte ptr [rbx + 10], 'i'
        mov word ptr [rbx + 2], 5
        hlt"""
    (one,) = logged(finish(guest(source).driver()))
    assert one.text == "[WARN] hi" and getattr(one.detail, "level", None) == "warn"


def test_a_line_over_a_page_border_is_whole() -> None:
    source = f"""{OPEN}
        lea rdi, [rbx + 6]
        mov ecx, 5000
        mov al, 10
        rep stosb
        mov dword ptr [rbx + 0xffe], 0x64636261
        mov word ptr [rbx + 2], 5000
        hlt"""
    assert lines(source) == ["abcd"]


def test_a_page_that_is_no_log_any_more_is_let_go() -> None:
    source = f"""{OPEN}
        mov dword ptr [rbx + 6], 0x0a6968
        mov word ptr [rbx + 2], 3
        mov qword ptr [rbx], -1
    used: mov word ptr [rbx], 8186
        mov dword ptr [rbx + 2], 3
        hlt"""
    driver = guest(source).driver()
    tracked = driver.machine.tracked
    assert tracked.why(Gpa(LOG)) == tracked.why(Gpa(LOG + 0x1000)) == {"log"}
    board = finish(driver)
    assert [one.text for one in logged(board)] == ["hi"]
    assert not tracked.why(Gpa(LOG)) and not tracked.why(Gpa(LOG + 0x1000))


def test_a_guest_that_has_no_log_is_told_of_none() -> None:
    assert not logged(finish(Guest(f'{OPEN}{PUT}text: .asciz "one\\n"').driver()))


def test_a_log_that_is_begun_anew_is_told_anew() -> None:
    put = "mov dword ptr [rbx + 6], 0x0a6968\n mov word ptr [rbx + 2], 3\n"
    assert lines(f"{OPEN}{put}{OPEN}{put}hlt") == ["hi", "hi"]


def test_the_past_has_the_lines_of_the_past() -> None:
    timeline = guest(f'{OPEN}{PUT}text: .asciz "one\\ntwo\\n"').timeline()
    timeline.driver.drive(FOREVER)
    both = logged(timeline.machine.board)
    timeline.goto(Moment(both[0].tick))
    assert logged(timeline.machine.board) == both[:1]
    timeline.goto(Moment(both[1].tick))
    assert logged(timeline.machine.board) == both


def test_a_log_that_is_said_to_lie_outside_memory_is_none() -> None:
    for place in (0x1234_0000, LOG + 0x10):
        machine = Guest("hlt", regions=(Region(REGION, place, 0x1000),)).machine()
        assert not machine.tracked.why(Gpa(place & -0x1000))


def test_that_lines_are_lost_is_told_once() -> None:
    source = f"""{OPEN}
        mov dword ptr [rbx + 6], 0x0a6968
        mov word ptr [rbx + 2], 3
        inc word ptr [rbx + 4]
        inc word ptr [rbx + 4]
        hlt"""
    assert lines(source) == ["hi", "(the log is full: what comes now is lost)"]
