"""A refused call whose status nobody looks at is seen at the call, and no other call is."""

from typing import Final

import pytest

from emu.machine.failed_calls import FailedCalls
from emu.mailbox.observation import Ignored
from tests.guest import Guest, finish, label
from tests.machine.seen import noted

TDCALL: Final = ".byte 0x66, 0x0f, 0x01, 0xcc"
NO_LEAF: Final = f"mov eax, 0x55\ncall: {TDCALL}"
LOOKS: Final = "test rax, rax\n jnz 1f\n1: xor eax, eax\n hlt"
HOST: Final = f"""
    xor eax, eax
    mov ecx, 0x1c00
    xor r10d, r10d
    mov r11d, {{function}}
    mov r12d, {{argument}}
call: {TDCALL}
"""
HYPERCALL: Final = """
    mov ecx, 0x40000000
    mov eax, 1
    xor edx, edx
    wrmsr
    mov ecx, 0x40000001
    mov eax, {{DATA}} + 1
    wrmsr
    mov ecx, {control}
    xor edx, edx
    xor r8d, r8d
call: vmcall
"""


def ignored(source: str, platform: str = "tdx") -> list[tuple[object, ...]]:
    """What is noted of calls whose status nobody looks at."""
    driver = Guest(f"start: {source}", 1, platform).driver()
    assert isinstance(driver.machine.cpu_witness.calls, FailedCalls)
    board = finish(driver)
    found = [one for one in board.logs.observed if isinstance(one, Ignored)]
    assert all(one.address == label(board, "call") for one in found)
    return [(one.call, one.status) for one in found]


def test_a_leaf_that_there_is_not_is_refused_by_the_module() -> None:
    (found,) = ignored(f"{NO_LEAF}\n xor eax, eax\n hlt")
    assert found[0] == "TDCALL leaf 0x55" and found[1] == 0xC000_0100 << 32
    assert ignored(f"{NO_LEAF}\n {LOOKS}") == []


def test_a_call_that_is_done_has_no_status_to_look_at() -> None:
    assert ignored(f"mov eax, 1\ncall: {TDCALL}\n xor eax, eax\n hlt") == []


def test_the_host_s_status_lies_in_r10() -> None:
    refused = HOST.format(function=0x1F, argument=0xDEAD)
    (found,) = ignored(f"{refused}\n test rax, rax\n jnz 1f\n1: xor r10d, r10d\n hlt")
    assert found == ("TDG.VP.VMCALL RDMSR", 1 << 63)
    assert ignored(f"{refused}\n or rax, r10\n jnz 1f\n1: xor r10d, r10d\n hlt") == []


def test_who_only_tells_need_not_look() -> None:
    assert ignored(f"{HOST.format(function=0x1E, argument=3)}\n xor r10d, r10d\n hlt") == []


@pytest.mark.parametrize(("control", "told"), [(0x7777, True), (0x8, False)])
def test_a_hypercall_s_status_lies_in_rax(control: int, told: bool) -> None:
    found = ignored(f"{HYPERCALL.format(control=control)}\n mov eax, 1\n hlt", "vbs")
    assert bool(found) == told
    assert ignored(f"{HYPERCALL.format(control=control)}\n {LOOKS}", "vbs") == []


def test_it_is_told_once_a_place() -> None:
    source = f"mov ebx, 5\n2: {NO_LEAF}\n xor eax, eax\n dec ebx\n jnz 2b\n hlt"
    assert len(noted(Guest(f"start: {source}", 1, "tdx"), Ignored)) == 1
