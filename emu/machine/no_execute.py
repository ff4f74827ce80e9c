"""Instructions that reach no-execute pages, let through so that the guest cannot tell.

A nested leaf with NX refuses instruction fetches only (APM 2, 15.25.5), but the shadow lacks
such pages wholly (see `NestedPageTable.lend`). So every access to one exits. If the model
allows it, the pages that an instruction needs are lent to it alone; nothing else runs then.
"""

from emu.boot import disasm
from emu.hw.address import Gpa, page_of
from emu.hw.cpu import Cpu
from emu.hw.exit import Exit, ExitKind
from emu.hw.nested_walk import ERROR_FETCH, ERROR_WRITE, AccessKind, NestedWalk, walk_nested
from emu.hw.paging import walk_context
from emu.hw.vmcb import EXIT_NPF
from emu.machine.board import Board


def go_on(board: Board, cpu: Cpu, exit_: Exit, limit: int, skip: int | None) -> Exit:
    """What becomes of a run of at most `limit` instructions, begun with `skip`, that ended in
    `exit_`; those that it executed are retired. If only the shadow refuses the access, the
    instruction runs now, or is the next run's first where the limit is reached."""
    found = _by_model(board, cpu, exit_)
    if found is not None:
        return found
    if exit_.executed >= limit:
        return Exit(ExitKind.BUDGET, exit_.executed)
    # A fetch faults before the breakpoint at its address: that one must still stop.
    return _lending(board, cpu, exit_, None if exit_.executed else skip)


def _lending(board: Board, cpu: Cpu, exit_: Exit, skip: int | None) -> Exit:
    """Run the instruction that `exit_` keeps from running: page by page it is lent what it
    needs, and then all is taken back."""
    npt, engine = board.npt, board.engine
    lent: list[Gpa] = []
    found: Exit | None = None
    try:
        while found is None:
            lent.append(Gpa(page_of(exit_.info)))
            npt.lend(lent[-1])
            engine.flush_tlb()
            exit_ = engine.run(cpu.registers, 1, skip)
            found = _by_model(board, cpu, exit_)
            if exit_.executed and found is None:
                found = Exit(ExitKind.BUDGET, exit_.executed)  # the next one's fetch faulted
    finally:
        for page in lent:
            npt.reclaim(page)
        # The engine may have looked up the next instruction on a page that was lent.
        engine.flush_tlb()
    board.retire(cpu, exit_.executed)
    return found


def _by_model(board: Board, cpu: Cpu, exit_: Exit) -> Exit | None:
    """An exit as the model has it: None if it is one by the shadow alone."""
    if exit_.kind is not ExitKind.INTERCEPT or exit_.code != EXIT_NPF:
        return exit_
    if not board.npt.hidden(page_of(exit_.info)) or code_base(cpu):
        return exit_
    walk = _own_fetch(board, cpu)
    if walk is None and exit_.error & ERROR_FETCH:
        return None  # of an instruction behind it: the engine fetches a block at once
    if walk is None:
        access: AccessKind = "write" if exit_.error & ERROR_WRITE else "read"
        walk = walk_nested(board.memory, board.npt.model_root, Gpa(exit_.info), access)
    if walk.hpa is not None:
        return None
    return exit_._replace(info=walk.gpa, error=walk.error_code)


def _own_fetch(board: Board, cpu: Cpu) -> NestedWalk | None:
    """The nested walk that refuses the fetch of the CPU's next instruction because of NX. The
    shadow cannot tell: the page may be lent, since a guest page table lies on it as well."""
    first = board.linear_rip(cpu)
    size = disasm.length(board.code_bytes(cpu), cpu.registers.coding)
    for gva in sorted({first, max(first, page_of(first + size - 1))}):
        walk = walk_context(board.memory, board.npt, cpu.registers, gva, "execute")
        if walk.nested is not None and walk.nested.verdict == "no execute":
            return walk.nested
    return None


def code_base(cpu: Cpu) -> bool:
    """Whether fetches go astray: real CPUs ignore CS.base in 64-bit mode, the emulator adds
    it to every fetch."""
    context = cpu.registers
    return context.mode == "long" and context.segment("cs").base != 0
