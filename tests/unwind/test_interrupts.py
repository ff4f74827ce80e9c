"""Frames of handlers lead to what was interrupted (SDM 3, 6.14.2, figure 6-9)."""

from emu import open_session
from emu.unwind.frame import Backtrace
from emu.unwind.unwinder import Unwinder
from tests.guest import Guest, label, step_to

SOURCE = """
start:
    call outer
    hlt
outer:
    sub rsp, 0x28
    call inner
    add rsp, 0x28
    ret
inner:
    push rbx
    mov rbx, 0x1234
    {fault}
after:
    pop rbx
    ret
handler3:
    push rax
    push rcx
    call serve
    pop rcx
    pop rax
    iretq
handler14:
    push rax
    call serve
    pop rax
    add rsp, 8
    iretq
serve:
    push rbx
    xor ebx, ebx
deep:
    pop rbx
    ret
"""


def backtrace_in_handler(fault: str) -> tuple[Backtrace, int]:
    """The frames deep in a handler, and the address of `after`."""
    machine = Guest(SOURCE.replace("{fault}", fault)).machine()
    step_to(machine, 0, "deep")
    found = Unwinder(machine.board).frames(machine.board.cpus[0])
    return found, label(machine.board, "after")


def test_an_interrupts_frame_without_error_code_is_crossed() -> None:
    found, after = backtrace_in_handler("int3")
    names = [frame.symbol.partition("+")[0] for frame in found.frames]
    assert names == ["deep", "handler3", "after", "outer", "start"]
    assert [frame.entry for frame in found.frames] == [
        "call", "call", "interrupt", "call", "call",
    ]  # fmt: skip
    assert found.frames[2].address == after


def test_one_with_an_error_code_too() -> None:
    found, after = backtrace_in_handler("mov rax, [0x100]")
    names = [frame.symbol.partition("+")[0] for frame in found.frames]
    assert names == ["deep", "handler14", "inner", "outer", "start"]
    assert found.frames[2].entry == "interrupt"
    assert found.frames[2].address < after


def test_what_was_interrupted_has_its_registers_again() -> None:
    """The frame of `inner` is left by its own RSP, not by the handler's."""
    found, _ = backtrace_in_handler("int3")
    inner, outer = found.frames[2], found.frames[3]
    assert inner.cfa == outer.rsp
    assert outer.cfa == found.frames[4].rsp
    assert [one.name for one in inner.saved] == ["rbx"]


def test_a_stack_with_no_such_frame_is_not_taken_for_one() -> None:
    source = "start:\n call work\n hlt\nhandler3:\n jmp work\nwork:\n nop\nhere:\n ret"
    machine = Guest(source).machine()
    step_to(machine, 0, "work")
    found = Unwinder(machine.board).frames(machine.board.cpus[0])
    assert [frame.entry for frame in found.frames] == ["call", "call"]


def test_the_sample_kernels_stubs_are_crossed() -> None:
    session = open_session(platform="none", cpus=3)
    session.do("until secondary_online")
    session.do("step 30")
    here = session.cpus()[1].symbol
    session.do("inject nmi 1")
    session.do("until exception")
    found = Unwinder(session.machine.board).frames(session.machine.board.cpus[1])
    assert [frame.entry for frame in found.frames][:3] == ["call", "call", "interrupt"]
    assert found.frames[1].symbol.startswith("exception_stubs+")
    assert found.frames[2].symbol == here
    assert not found.guesses


def test_what_the_shims_handler_has_overwritten_leaves_a_guess() -> None:
    """On the BSP it pops RIP into RDX and calls over its place: as long as RDX holds it, it is
    known."""
    session = open_session(platform="none", cpus=3)
    session.do("until start_aps")
    session.do("step 30")
    here = session.cpus()[0].symbol
    session.do("inject nmi 0")
    session.do("until exception")
    unwinder, cpu = Unwinder(session.machine.board), session.machine.board.cpus[0]
    found = unwinder.frames(cpu)
    assert found.frames[1].symbol.startswith("exception_common+")
    assert (found.frames[2].symbol, found.frames[2].entry) == (here, "interrupt")
    session.do("step 60")
    found = unwinder.frames(cpu)
    (at,) = (n for n, one in enumerate(found.frames) if one.symbol.startswith("exception_c"))
    assert found.frames[at + 1].how == "guess"
    assert found.frames[at + 1].symbol.startswith("start_aps+")


def test_a_cpu_in_another_mode_has_one_frame() -> None:
    session = open_session(platform="sipi", cpus=2)
    session.do("until 0x9e000")
    found = Unwinder(session.machine.board).frames(session.machine.board.cpus[session.focus])
    assert len(found.frames) == 1
    assert found.ending == "only frames of 64-bit code are known, and it is in other code"
    assert found.frames[0].symbol == "ap_trampoline", "it runs as a copy, and has its name"
