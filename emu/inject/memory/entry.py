"""Where the entry lies that maps an address for a CPU."""

from emu.errors import CommandError
from emu.hw import paging
from emu.hw.address import Gpa, Hpa
from emu.hw.cpu import Cpu
from emu.machine.machine import Machine


def leaf_of(machine: Machine, cpu: Cpu, gva: int, kind: str) -> tuple[Gpa, Hpa, int]:
    """(GPA and HPA of the leaf entry, bytes of the page it maps) in a CPU's own tables; raises
    CommandError where nothing is mapped. The GPA is without a TD's shared bit."""
    if cpu.context is None:
        raise CommandError(
            f"inject {kind}: cpu {cpu.id} has not started: name a moment, as in "
            f"`at parked cpu {cpu.id}`"
        )
    walk = paging.walk_context(machine.board.memory, machine.board.npt, cpu.context, gva)
    if not walk.levels or not walk.levels[-1].leaf or walk.levels[-1].nested.hpa is None:
        raise CommandError(f"inject {kind}: cpu {cpu.id} has nothing mapped at {gva:#x}")
    hpa = walk.levels[-1].nested.hpa
    page = machine.board.ram.page_at(hpa)
    if page is None:
        raise CommandError(f"inject {kind}: the table lies outside guest memory")
    return Gpa(page + hpa % 4096), hpa, walk.page_bytes
