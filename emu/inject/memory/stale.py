"""A stale translation: an entry changes, and the CPU goes on with what its TLB holds until it
executes INVLPG or writes a control register (SDM 3, 4.10.4). Nobody told it to: the shoot-down
was forgotten."""

from emu.inject.kind import Given, InjectionKind
from emu.inject.memory.entry import leaf_of
from emu.inject.memory.how import HOW, edited
from emu.inject.parameter import CPU, GVA
from emu.machine.private_bytes import Hidden


def _carry_out(given: Given) -> None:
    machine, cpu = given.machine, given.cpu
    gpa, hpa, page_bytes = leaf_of(machine, cpu, given.number("GVA"), "stale")
    old = machine.board.memory.read(hpa, 8)
    new = edited(int.from_bytes(old, "little"), given.word("HOW"), page_bytes)
    machine.stores.put(None, gpa, hpa, new.to_bytes(8, "little"))
    machine.private.hide(
        Hidden("translation", cpu.id, gpa, hpa, new.to_bytes(8, "little"), old)
    )
    machine.waits.disturb()


KIND = InjectionKind(
    "stale", "the entry for GVA changes, and the CPU's TLB keeps the old one", (CPU, GVA, HOW),
    _carry_out, "2 parked absent", not_started="parked cpu {CPU}", group="memory",
)  # fmt: skip
