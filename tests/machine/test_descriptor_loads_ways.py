"""Instructions that the engine runs by themselves leave the guest's course as it is."""

from typing import Final

from msgspec import Struct

from tests.guest import DATA, Guest
from tests.machine.test_descriptor_loads import CODE_NEW, OWN_GDT, SETUP, STACK, TO
from tests.ways import run as wholly

AGAIN: Final = f"""start: {SETUP}
    mov ebx, 50
more: {TO.format(CODE_NEW)}
    mov ecx, ebx
    imul ecx, ecx
    here: jmp fword ptr [{DATA}]
to: mov [{DATA + 8}], ecx
    push 0x18
    push {STACK}
    push 2
    push 0x10
    lea rax, [rip + on]
    push rax
    iretq
on: and byte ptr [{OWN_GDT + CODE_NEW + 5}], 0xfe
    dec ebx
    jnz more
    hlt
"""
"""Far transfers in a loop, each of which has to mark its descriptor anew."""


class End(Struct, frozen=True):
    """What a run came to."""

    digest: str
    tick: int
    events: int


def ends(*orders: str) -> End:
    """The loop, run by these commands."""
    session = Guest(AGAIN).boot()
    for order in orders:
        wholly(session, order)
    board = session.machine.board
    assert board.cpus[0].activity == "halted"
    return End(session.digest(), board.tick, len(board.logs.events))


def test_stops_and_steps_change_nothing_of_a_course_with_far_transfers() -> None:
    plain = ends("run")
    assert ends("step 0 2000") == plain
    assert ends(*["run 1"] * 300, "run") == plain
    assert ends("break here", *["run"] * 51) == plain
    assert ends("break to", *["run"] * 51) == plain
    assert ends("run 333", "reverse-step 100", "run") == plain
