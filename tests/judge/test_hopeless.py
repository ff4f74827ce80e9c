"""What nothing can ever move on: by flags, by the loop, and because nobody is left."""

from typing import Final

import pytest

from emu import Session
from emu.judge import hopeless
from tests.guest import boot

FOR_GOOD: Final = {
    "hlt": ("halted", "HLT with interrupts off"),
    "jmp start": ("loop", "its loop reads nothing"),
    "pause\n jmp start": ("loop", "its loop reads nothing"),
    "mov eax, [{SHARED}]\nlooks: pause\n test eax, eax\n jz looks\n hlt": (
        "loop", "its loop reads nothing",
    ),
    "mov eax, [0]": ("fault", "#PF reading 0x0"),
}  # fmt: skip
"""What a CPU executes, and what holds it whatever the others do."""
ASKS: Final = "start: pause\n cmp dword ptr [{SHARED}], 7\n jne start\n hlt"
BY_CLOCK: Final = "start: pause\n rdtsc\n cmp edx, 900\n jb start\n hlt"


def held(source: str, cpus: int = 1, words: str = "run") -> tuple[Session, dict[int, str]]:
    """A guest that has run, and how each of its CPUs is held."""
    session = boot(source, cpus=cpus)
    session.do(words)
    return session, {cpu: one.how for cpu, one in hopeless.everyone(session.machine).items()}


@pytest.mark.parametrize("source", FOR_GOOD)
def test_a_cpu_that_nothing_can_move_on_is_held_for_good(source: str) -> None:
    how, why = FOR_GOOD[source]
    session, found = held(f"start: {source}")
    assert found == {0: how}
    assert hopeless.everyone(session.machine)[0].why.startswith(why)


def test_hlt_with_interrupts_on_is_held_only_if_nobody_is_left_to_send_one() -> None:
    source = "cpu0: sti\n hlt\ncpu1: mov ecx, 90000\nwork: dec ecx\n jnz work\n hlt"
    _, found = held(source, 2, "run 5000")
    assert found == {}
    _, found = held(source, 2)
    assert found == {0: "alone", 1: "halted"}


def test_a_wait_is_held_only_if_nobody_is_left_to_store() -> None:
    busy = "\ncpu1: mov ecx, 90000\nwork: dec ecx\n jnz work\n hlt"
    _, found = held(ASKS + busy, 2, "run 60000")
    assert found == {}
    _, found = held(ASKS + busy, 2)
    assert found == {0: "alone", 1: "halted"}


def test_a_loop_that_looks_at_the_clock_is_not_held() -> None:
    session = boot(BY_CLOCK, cpus=2)
    slept = 0
    for _ in range(5):
        session.do("run 3")
        slept += len(session.machine.waits.waiting)
        assert hopeless.everyone(session.machine) == {}
    assert slept, "some of the time one of them sleeps in it"


ACK: Final = """
cpu0: mov dword ptr [{MAILBOX} + 4], 1
    mov word ptr [{MAILBOX}], 1
acked: pause
    cmp word ptr [{MAILBOX}], 0
    jne acked
    hlt
cpu1: {one}
cpu2: mov ecx, 300000
work: dec ecx
    jnz work
    hlt
"""
"""CPU 0 waits for the ack of CPU 1, while CPU 2 computes."""


@pytest.mark.parametrize(
    ("one", "gone"), [("hlt", True), ("jmp cpu1", True), ("jmp cpu2", False)]
)
def test_a_wait_that_only_a_cpu_that_is_held_could_end_is_held_though_others_run(
    one: str, gone: bool
) -> None:
    session = boot(ACK.replace("{one}", one), cpus=3, mailbox=True)
    session.do("run 100000")
    found = hopeless.everyone(session.machine)
    assert session.machine.board.cpus[2].activity == "running"
    assert (0 in found) == gone and (1 in found) == gone
    if gone:
        assert found[0] == hopeless.Hopeless(
            "alone", "what it waits for is for cpu 1 to change"
        )


def test_a_cpu_that_people_stop_did_not_take_a_fault() -> None:
    session = boot("start: jmp start", cpus=2)
    session.do("inject stop 1")
    session.do("run 100")
    assert hopeless.everyone(session.machine)[1].how == "stopped"
    assert not [one for one in session.findings() if one.rule == "cpu-fault"]


def test_since_is_the_tick_at_which_a_cpu_came_to_what_it_does() -> None:
    session, _ = held("start: nop\n nop\n hlt")
    assert hopeless.since(session.machine, session.machine.board.cpus[0]) == 3
