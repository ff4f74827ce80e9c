"""The two-dimensional walk of one address: every access, and where and why it stops."""

from emu.errors import CommandError
from emu.hw import paging
from emu.hw.cpu import Cpu
from emu.hw.page_walk import SHARED_BIT
from emu.machine.machine import Machine
from emu.picture.sections import WalkLook, WalkView
from emu.words.expression import address


def walk_view(machine: Machine, cpu: Cpu, look: WalkLook) -> WalkView:
    """Walk an address of a CPU as it is now."""
    try:
        if cpu.context is None:
            raise CommandError(f"cpu {cpu.id} has not started: it has no registers yet")
        gva = address(machine, cpu, look.where)
    except CommandError as error:
        return WalkView(cpu.id, look.where, None, "", 0, "", str(error))
    found = paging.walk_context(
        machine.board.memory, machine.board.npt, cpu.context, gva, look.access
    )
    state = None
    if found.gpa is not None:
        shared = found.gpa & ~machine.board.shared_alias & ~(1 << SHARED_BIT)
        state = machine.board.ram.state(type(found.gpa)(shared))
    return WalkView(
        cpu.id, look.where, found, machine.board.layout.symbols.name(gva),
        cpu.context.get("cr3"), state or "",
    )  # fmt: skip


def lines(view: WalkView) -> tuple[str, ...]:
    """The walk level by level; raises CommandError where there is none."""
    if view.walk is None:
        raise CommandError(view.problem)
    return view.walk.lines()
