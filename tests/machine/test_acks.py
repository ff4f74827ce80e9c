"""What an AP has of the vector when it clears the command is read from its code, or tried."""

from typing import Final

import pytest

from emu.machine.acks import STEPS_MAX
from emu.machine.board import Board
from emu.mailbox.observation import Ack, Stored
from emu.timeline.digest import Digest
from emu.timeline.driver import Driver
from tests.guest import DATA, MAILBOX, PT2, WINDOW, Guest, finish, label, program

GUEST: Final = """
cpu0: mov ebx, {{MAILBOX}}
    mov ecx, 3000
1:  dec ecx
    jnz 1b
    movabs rax, {vector}
    mov [rbx + 8], rax
    mov dword ptr [rbx + 4], 1
    mov word ptr [rbx], {command}
2:  cmp word ptr [rbx], 0
    jne 2b
    hlt
cpu1: mov ebx, {{MAILBOX}}
wait: pause
    cmp word ptr [rbx], 0
    je wait
    cmp dword ptr [rbx + 4], 1
    jne wait
    {ack}
goal: hlt
far: hlt
"""
CLEAR: Final = "\nack: mov word ptr [rbx], 0\n"
KINDS: Final = {
    "before": (f"mov rax, [rbx + 8]{CLEAR}jmp rax", "before"),
    "before, and moved on": (f"mov rax, [rbx + 8]{CLEAR}mov rcx, rax\n jmp rcx", "before"),
    "before, by a push": (f"push qword ptr [rbx + 8]{CLEAR}ret", "before"),
    "after": (f"{CLEAR}mov rax, [rbx + 8]\n jmp rax", "after"),
    "after, late": (f"{CLEAR}.rept 20\n nop\n .endr\n mov rax, [rbx + 8]\n jmp rax", "after"),
    "after, by a jump": (f"{CLEAR}jmp qword ptr [rbx + 8]", "unknown"),
    "short": (f"mov eax, [rbx + 8]{CLEAR}jmp rax", "short"),
    "never": (f"{CLEAR}jmp wait", "unknown"),
}  # fmt: skip


def guest(ack: str, vector: str | int = "", command: int = 1) -> Driver:
    """CPU 0 gives CPU 1 a command, which it clears like this."""
    at = vector or label(
        Guest(GUEST.format(vector=0, command=1, ack=ack), 2).machine().board, "goal"
    )
    code = program(GUEST.format(vector=at, command=command, ack=ack))
    return Guest(code, 2, mailbox=True).driver()


def ack_of(board: Board) -> Ack:
    """What is noted of the one ack."""
    (found,) = [one.ack for one in board.logs.observed if isinstance(one, Stored) and one.ack]
    return found


@pytest.mark.parametrize(("ack", "reading"), KINDS.values(), ids=KINDS)
def test_when_the_vector_is_read_is_found_out(ack: str, reading: str) -> None:
    found = ack_of(finish(guest(ack)))
    assert found.reading == reading and found.refused == ""


@pytest.mark.parametrize("kind", ["before", "after"])
def test_a_vector_that_its_tables_do_not_have_is_refused(kind: str) -> None:
    found = ack_of(finish(guest(KINDS[kind][0], WINDOW + 0x3000)))
    assert found.reading == kind and found.refused


def test_a_vector_must_be_mapped_to_itself() -> None:
    """ACPI 6.6, 5.2.12.19: identity mapped. Here WINDOW is a second view of DATA."""
    maps = f"cpu0: mov rax, {DATA + 3}\n mov [{PT2}], rax\n"
    code = GUEST.format(vector=WINDOW, command=1, ack=KINDS["before"][0])
    found = ack_of(finish(Guest(code.replace("cpu0: ", maps), 2, mailbox=True).driver()))
    assert found.refused == f"it is mapped to {DATA:#x} and not to itself"


def test_a_vector_must_lie_within_one_page() -> None:
    """ACPI 6.6, 5.2.12.19. Here a MOV of ten bytes begins four bytes before the end of one."""
    place, begins = DATA + 0xFFC, 0xB848
    puts = f"cpu0: mov ebx, {place}\n mov word ptr [rbx], {begins:#x}\n"
    code = GUEST.format(vector=place, command=1, ack=KINDS["before"][0])
    found = ack_of(finish(Guest(code.replace("cpu0: ", puts), 2, mailbox=True).driver()))
    assert found.refused == "its first instruction lies on two pages"


@pytest.mark.parametrize(
    ("ack", "leaves"),
    [(f"{CLEAR}jmp wait", False), (f"mov rax, [rbx + 8]{CLEAR}jmp rax", True),
     (f"{CLEAR}.rept {STEPS_MAX + 4}\n nop\n .endr\n mov rax, [rbx + 8]\n jmp rax", False)],
)  # fmt: skip
def test_of_another_command_it_is_seen_whether_the_ap_leaves_for_it(
    ack: str, leaves: bool
) -> None:
    found = ack_of(finish(guest(ack, command=2)))
    assert (found.reading, found.leaves) == ("unknown", leaves)


@pytest.mark.parametrize("kind", KINDS)
def test_finding_out_changes_nothing(kind: str) -> None:
    ends = []
    for looking in (True, False):
        driver = guest(KINDS[kind][0])
        driver.machine.witness.on = looking
        digest = Digest(driver.machine)
        board = finish(driver)
        clocks = [(cpu.clock_ps, cpu.ticks, cpu.activity) for cpu in board.cpus]
        ends.append(
            (digest.now(), board.tick, board.beat, clocks, list(map(str, board.logs.events)))
        )
    assert ends[0] == ends[1] and MAILBOX
