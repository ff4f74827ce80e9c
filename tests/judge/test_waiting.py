"""What a CPU waits for is told by the fields that its loop compares, however it reads them."""

import pytest

from emu.judge.verdict import WaitFact
from emu.judge.wait_facts import facts
from tests.guest import CODE, Guest, finish

LOOPS = {
    "each field by itself": (
        "cmp word ptr [rbx], 1\n jne 1f\n cmp edi, [rbx + 4]\n je 9f\n1: pause"
    ),
    "both by one load": (
        "mov rax, [rbx]\n cmp ax, 1\n jne 1f\n mov rcx, rax\n shr rcx, 32\n"
        "cmp edi, ecx\n je 9f\n1: pause"
    ),
}


def waiting(body: str, head: int) -> WaitFact:
    """CPU 1 asleep in a loop, with the mailbox's first 8 bytes as given."""
    source = (
        f"cpu0: mov ebx, {{MAILBOX}}\n mov rax, {head:#x}\n mov [rbx], rax\n hlt\n"
        f"cpu1: mov ebx, {{MAILBOX}}\n mov edi, 7\nhead: {body}\n jmp head\n9: hlt"
    )
    driver = Guest(source, cpus=2, mailbox=True).driver()
    finish(driver)
    (fact,) = facts(driver.machine)
    return fact


@pytest.mark.parametrize("body", LOOPS.values(), ids=LOOPS)
def test_the_fields_are_named_with_what_stands_in_them(body: str) -> None:
    noop = waiting(body, 3 << 32 | 0xAAAA_0000)
    assert (noop.on, noop.now) == ("mailbox command == 1", "0x0")
    other = waiting(body, 3 << 32 | 0xAAAA_0001)
    assert other.on == "mailbox command != 1, mailbox apic_id == 7"
    assert other.now == "0x1, 0x3"


def test_a_loop_without_a_symbol_stands_at_its_address() -> None:
    driver = Guest("1: pause\n cmp dword ptr [{SHARED}], 1\n jne 1b\n hlt").driver()
    finish(driver)
    (fact,) = facts(driver.machine)
    assert fact.where == f"{CODE:#x}"
