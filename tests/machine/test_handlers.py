"""Who rests in the handler of an exception is seen, and who comes back from it is not."""

from typing import Final

import pytest

from emu.machine.handlers import Handlers
from emu.mailbox.observation import Unreturned
from tests.guest import WINDOW, Guest, finish, label

UNDEFINED: Final = "cpu0: nop\nhere: ud2\n sti\n hlt\n"


def rests(source: str) -> list[tuple[object, ...]]:
    """What is noted of a CPU's handlers: who, what, and the label of the instruction."""
    board = finish(Guest(source).driver())
    name = board.layout.symbols.name
    found = (one for one in board.logs.observed if isinstance(one, Unreturned))
    return [(one.cpu, one.what, name(one.address)) for one in found]


@pytest.mark.parametrize(
    "handler",
    [
        "hlt",
        "cli\n hlt",
        "push 6\n sub rsp, 0x800\n hlt",
        "1: jmp 1b",
        "1: pause\n jmp 1b",
    ],
)
def test_a_handler_that_halts_or_loops_for_ever_is_told(handler: str) -> None:
    assert rests(UNDEFINED + f"handler6: {handler}") == [(0, "#UD: ud2", "here")]


@pytest.mark.parametrize(
    "handler",
    [
        "add qword ptr [rsp], 2\n iretq",
        "add rsp, 40\n jmp on\non: cli\n hlt",
        "mov rsp, {DATA} + 0x800\n cli\n hlt",
        "sti\n hlt",
    ],
)
def test_one_that_comes_back_or_goes_on_elsewhere_is_not(handler: str) -> None:
    assert rests(UNDEFINED + f"handler6: {handler}") == []


def test_a_halt_behind_an_exception_that_was_mended_is_not() -> None:
    source = """
    cpu0: ud2
        sub rsp, 0x100
        push 1
        push 2
        push 3
        cli
        hlt
    handler6: add qword ptr [rsp], 2
        iretq
    """
    assert rests(source) == []


def test_the_error_code_is_the_handler_s_to_change() -> None:
    source = f"cpu0: mov eax, [{WINDOW:#x}]\nhandler14: mov qword ptr [rsp], 77\n cli\n hlt"
    (found,) = rests(source)
    assert str(found[1]).startswith("#PF")


def test_who_loops_over_memory_waits_and_does_not_rest() -> None:
    wait = "mov ebx, {SHARED}\n1: pause\n cmp dword ptr [rbx], 1\n jne 1b"
    assert rests(UNDEFINED + f"handler6: {wait}") == []


def test_interrupts_and_software_s_own_are_no_exceptions() -> None:
    assert rests("cpu0: int 6\nhandler6: cli\n hlt") == []


def test_what_is_saved_is_put_back() -> None:
    driver = Guest(UNDEFINED + "handler6: cli\n hlt").driver()
    finish(driver)
    handlers: Handlers = driver.machine.cpu_witness.handlers
    saved = handlers.save()
    assert saved[0].at == label(driver.machine.board, "here")
    handlers.load({})
    assert handlers.save() == {}
    handlers.load(saved)
    assert handlers.save() == saved
