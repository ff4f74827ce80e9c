"""Many steps at one go are as many single ones: the same ticks, beats, clocks, lanes, events,
exits, registers and bytes, however they are cut.

A probe that sees nothing keeps the engine from taking more than one: that is the other way.
"""

import random
from typing import Any, Final

import pytest

from emu import Session, open_session
from emu.hw.cpu import Cpu
from emu.machine.board import Board, Doing
from emu.machine.machine import Machine
from tests.guest import boot

GUEST: Final = """
start: mov ebx, 3
    lea rsi, [rip + own]
lap: mov ecx, 4
    lea rdi, [{DATA}]
1:  add rax, rcx
    setb byte ptr [rdi]
    mov [rdi + 0xffc], rax
    mov [{MAILBOX} + 0x100], eax
    add rdi, 0x1000
    dec ecx
place: jnz 1b
    rdtsc
    pause
    mov byte ptr [rsi + 1], bl
own: mov al, 7
    ud2
    mov rdx, [{WINDOW} + 0x5000]
    mov dx, 0x3f8
    mov al, 65
    out dx, al
    in al, dx
    cpuid
    sti
    nop
    cli
    lea rdi, [{SHARED}]
    mov ecx, 5
    rep stosb
    pushfq
    or qword ptr [rsp], 0x100
    popfq
    nop
    nop
    pushfq
    and qword ptr [rsp], -0x101
    popfq
    cmp byte ptr [{SHARED}], 0
    je end
    mov ebx, 5
    mov byte ptr [{SHARED}], 0
    jmp lap
end: hlt
cpu1: mov eax, [{SHARED}]
    pause
    jmp cpu1
handler1: iretq
handler2: iretq
handler6: add qword ptr [rsp], 2
    iretq
handler14: add rsp, 8
    add qword ptr [rsp], 8
    iretq
handler64: inc dword ptr [{DATA} + 0x40]
    iretq
"""
"""First stores to pages, to a tracked page, to its own block; exits, a port, page faults, an
undefined instruction, single-step traps, an open window for interrupts, another CPU's loop."""
FROM_OUTSIDE: Final = (
    (), ("inject interrupt 0 64",),
    ("inject stall 0 5us at tick 20", "inject nmi 0 at tick 31"),
    ("inject interrupt 0 64 at place nth 2", "break own"), ("inject late-stores 0 1us",),
    ("run 60",), ("run 40", "break place"),
)  # fmt: skip
STEPS: Final = 400


class Idle:
    """A probe that sees nothing."""

    def attach(self, board: Board) -> None:
        """Nothing is looked at."""

    def compare(self, board: Board, doing: Doing) -> None:
        """Nothing is compared."""


def state(machine: Machine, cpu: Cpu) -> tuple[Any, ...]:
    """All that one step could change, but for memory."""
    board, logs = machine.board, machine.board.logs
    saved = cpu.save()._replace(image=b"")
    return (
        board.tick, board.beat, saved, cpu.registers.architectural(), logs.counts(),
        logs.events[-3:], logs.exits[-3:], logs.observed[-3:], logs.turns[-3:],
        [one.clock_ps for one in board.cpus], [one.activity for one in board.cpus],
        board.exit_counts, board.vmm.save(), machine.injected.save(), machine.tracked.writers,
        machine.guards.pages, machine.private.hidden,
    )  # fmt: skip


def compare(one: Session, many: Session, index: int, seed: int, steps: int) -> int:
    """Step both to the end; how often `many` took more than one at a time."""
    dice, at_once, done = random.Random(seed), 0, 0
    single, machine = one.machine, many.machine
    single.board.look_at(Idle())
    cpu, other = single.board.cpus[index], machine.board.cpus[index]
    while done < steps and other.activity in ("running", "waiting"):
        count = machine.steps(other, dice.choice((1, 2, 5, 50, 1000)))
        done, at_once = done + count, at_once + (count > 1)
        for _ in range(count):
            assert single.steps(cpu) == 1
        assert state(machine, other) == state(single, cpu), f"{count} steps up to step {done}"
    assert many.digest() == one.digest()
    assert list(machine.board.logs.lanes.runs(0, 1 << 40)) == list(
        single.board.logs.lanes.runs(0, 1 << 40)
    )
    return at_once


@pytest.mark.parametrize("orders", FROM_OUTSIDE, ids=" ".join)
@pytest.mark.parametrize("seed", range(4))
def test_many_steps_are_single_ones(orders: tuple[str, ...], seed: int) -> None:
    sessions = [boot(GUEST, cpus=2, platform="sipi", mailbox=True) for _ in range(2)]
    for session in sessions:
        for order in orders:
            session.do(order)
    hidden = any("late-stores" in order for order in orders)
    assert compare(*sessions, 0, seed, STEPS) > 3 or hidden
    compare(*sessions, 1, seed, 60)


@pytest.mark.parametrize("platform", ["tdx", "vbs", "sipi", "none"])
@pytest.mark.parametrize("until", ["run 1", "until wake_aps", "until kernel_start"])
def test_so_they_are_in_the_shim(platform: str, until: str) -> None:
    sessions = [open_session(platform=platform, cpus=3) for _ in range(2)]
    for session in sessions:
        session.do(until)
    compare(*sessions, 0, 1, 1500)
    for index in (1, 2):
        if sessions[0].machine.board.cpus[index].activity in ("running", "waiting"):
            compare(*sessions, index, 1, 200)


def test_random_guests_too() -> None:
    dice = random.Random(7)
    lines = (
        "add rax, rbx", "mov [{DATA} + 0x1ffc], rax", "push rax", "pop rbx", "rdtsc", "pause",
        "cmp rax, rbx", "setc cl", "xchg [{MAILBOX} + 0x40], rax",
        "lock inc qword ptr [{DATA}]",
        "ud2", "adc rbx, 3", "mov rdx, [{WINDOW} + 0x123000]", "inc byte ptr [rip + 0x8]",
    )  # fmt: skip
    tail = GUEST[GUEST.index("handler1:") :]
    for seed in range(6):
        body = "\n".join(dice.choice(lines) for _ in range(120))
        source = f"start: {body}\n hlt\n .skip 64, 0x90\n{tail}"
        sessions = [boot(source, platform="tdx", mailbox=True) for _ in range(2)]
        compare(*sessions, 0, seed, 300)


@pytest.mark.parametrize("seed", range(3))
def test_going_back_among_steps_by_hand_leads_to_the_same_states(seed: int) -> None:
    dice = random.Random(seed)
    session = boot(GUEST, mailbox=True)
    session.do("step 0 250")
    cpu = session.machine.board.cpus[0]
    wanted, now = {}, session.timeline.now
    for _ in range(60):
        wanted[session.view().tick] = cpu.registers.architectural()
        session.do("reverse-step")
    assert session.machine.board.cpus[0].ticks < now.tick - 20
    for tick in dice.sample(sorted(wanted), 12):
        session.do(f"goto {tick}")
        assert cpu.registers.architectural() == wanted[tick]
    session.do("goto end")
    assert session.timeline.now == now


@pytest.mark.parametrize("where", ["place", "own", "place if rcx == 2", "handler6"])
def test_one_command_stops_where_many_do(where: str) -> None:
    one, many = (boot(GUEST, mailbox=True) for _ in range(2))
    one.do(f"break {where}")
    many.do(f"break {where}")
    for _ in range(6):
        one.do("step 0 70")
        for _ in range(70):
            many.do("step 0 1")
            if not many.stop or type(many.stop[0]).__name__ != "Stepped":
                break
        assert one.timeline.now == many.timeline.now
        assert one.stop == many.stop
        assert one.view().breakpoints == many.view().breakpoints
    assert one.digest() == many.digest()
