"""Mailbox loops that take a wake-up which is not theirs: firmware is named, at its own line.

Whether a loop is right depends on its loads and on its ack (docs/mailbox_orders.md). Here each
is stepped to where the OS's stores come between two of its loads.
"""

from typing import Final

from emu.judge.judge import Judge
from emu.machine.machine import Machine
from emu.mailbox.observation import Arrived, Handed
from emu.mailbox.rule import Finding
from tests.guest import Guest, label, step_to

OS: Final = """
cpu0: mov ebx, {MAILBOX}
    lea rax, [rip + first]
    mov dword ptr [rbx + 4], 1
    mov [rbx + 8], rax
    mov word ptr [rbx], 1
sent1: cmp word ptr [rbx], 0
    jne sent1
    lea rax, [rip + second]
    mov dword ptr [rbx + 4], 2
named2: mov [rbx + 8], rax
    mov word ptr [rbx], 1
sent2: mov word ptr [rbx], 0
taken2: hlt
"""
"""Wakes CPU 1, waits for its ack, and wakes CPU 2; at last it takes that back."""
LOOPS: Final = {
    "command, id": """
wait: movzx eax, word ptr [rbx]
    cmp eax, 1
between: jne wait
    cmp [rbx + 4], edi
    jne wait
""",
    "id, command": """
wait: cmp [rbx + 4], edi
between: jne wait
    cmp word ptr [rbx], 1
    jne wait
""",
    "both": """
wait: mov rax, [rbx]
    mov rcx, rax
    shr rcx, 32
between: cmp ax, 1
    jne wait
    cmp ecx, edi
    jne wait
""",
}  # fmt: skip
"""Order of the loads -> the loop, up to where the wake-up is taken."""
LEAVE: Final = """
    mov rdx, [rbx + 8]
ack: mov word ptr [rbx], 0
left: jmp rdx
first: jmp start
second: hlt
"""


def machine(order: str, system: str = OS) -> Machine:
    """CPUs 1 and 2 wait in a loop, and CPU 0 is the OS. Who is woken first comes back."""
    source = f"{system}\nstart: mov ebx, {{MAILBOX}}\n{LOOPS[order]}{LEAVE}"
    found = Guest(source, 3, mailbox=True).machine()
    found.board.logs.observed.append(Handed(0, 0, 0, 0, (), (), (), 0))
    return found


def go(machine: Machine, *steps: tuple[int, str]) -> tuple[Finding, ...]:
    """Step each CPU to a label in turn; what the rules say then."""
    for cpu, name in steps:
        step_to(machine, cpu, name)
    return Judge(machine).findings(None)


HELD_BETWEEN: Final = ((1, "wait"), (2, "wait"), (0, "sent1"), (2, "between"), (1, "left"))
"""CPU 2 has looked at the command that is meant for CPU 1, which has taken it since."""


def test_a_wake_up_that_is_taken_on_a_noop_is_the_loop_s_fault() -> None:
    guest = machine("command, id")
    found = go(guest, *HELD_BETWEEN, (0, "named2"), (2, "left"), (0, "taken2"))
    (one,) = found
    first = label(guest.board, "first")
    assert (one.rule, one.cpu, one.severity) == ("leaves-on-wakeup", 2, "error")
    assert one.where.startswith("ack")
    assert one.text == f"takes Noop for a Wakeup and leaves for {first:#x}"
    assert [(below.rule, below.cpu) for below in one.consequences] == [("command-answered", 2)]


def test_a_vector_of_another_wake_up_is_the_loop_s_fault() -> None:
    guest = machine("command, id")
    found = go(guest, *HELD_BETWEEN, (0, "named2"), (2, "ack"), (0, "sent2"), (2, "left"))
    first, second = label(guest.board, "first"), label(guest.board, "second")
    (one,) = found
    assert (one.rule, one.cpu) == ("own-vector", 2)
    assert one.where.startswith("ack")
    assert one.text == f"leaves for {first:#x}, but its Wakeup came with {second:#x}"


def test_a_vector_that_was_read_too_early_and_is_the_same_is_not_told() -> None:
    """A limit: two wake-ups with one vector."""
    source = OS.replace("[rip + second]", "[rip + first]")
    guest = machine("command, id", source)
    assert go(guest, *HELD_BETWEEN, (0, "named2"), (2, "ack"), (0, "sent2"), (2, "left")) == ()


def test_a_command_of_another_cpu_is_taken_by_a_stale_id() -> None:
    """Only the command is cleared by the ack, so the id of the first wake-up stays."""
    guest = machine("id, command")
    go(guest, (1, "wait"), (0, "sent1"), (1, "left"), (1, "start"))
    # Named images tell of a CPU that comes back by a symbol at the head of their loop.
    back = Arrived(guest.board.tick, 0, 1, 0, "wait", ("parked",), "long", False, 0)
    guest.board.logs.observed.append(back)
    (one,) = go(guest, (1, "between"), (0, "sent2"), (1, "left"))
    second = label(guest.board, "second")
    assert (one.rule, one.cpu) == ("ack-by-addressed", 1)
    assert one.where.startswith("ack")
    assert one.text == f"cpu 1 cleared a command for APIC id 2, and leaves for {second:#x}"


def test_one_load_of_both_is_right_where_two_are_not() -> None:
    guest = machine("both")
    found = go(guest, *HELD_BETWEEN, (0, "named2"), (2, "wait"), (2, "between"), (0, "sent2"),
               (2, "wait"), (2, "left"))  # fmt: skip
    assert found == ()


def test_a_wake_up_that_the_os_takes_back_in_between_is_the_os_s_doing() -> None:
    guest = machine("both")
    found = go(guest, (2, "wait"), (1, "wait"), (0, "sent1"), (1, "left"), (0, "sent2"),
               (2, "ack"), (0, "taken2"), (2, "left"))  # fmt: skip
    assert [(one.rule, one.cpu) for one in found] == [("command-answered", 2)]
    (below,) = found[0].consequences
    assert (below.rule, below.cpu) == ("withdrawn", 0)
    assert below.text.startswith("cpu 2 leaves for a Wakeup that cpu 0 took back at tick ")
    assert below.where.startswith("ack")
