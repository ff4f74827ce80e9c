"""A guest page table entry is another one, as after a stray store or a missing one."""

from emu.inject.kind import Given, InjectionKind
from emu.inject.memory.entry import leaf_of
from emu.inject.memory.how import GUEST_HOW, edited
from emu.inject.parameter import CPU, GVA


def _carry_out(given: Given) -> None:
    machine = given.machine
    gpa, hpa, page_bytes = leaf_of(machine, given.cpu, given.number("GVA"), "pte")
    entry = int.from_bytes(machine.board.memory.read(hpa, 8), "little")
    new = edited(entry, given.word("HOW"), page_bytes)
    machine.stores.put(None, gpa, hpa, new.to_bytes(8, "little"))
    machine.waits.disturb()


KIND = InjectionKind(
    "pte", "the CPU's page table entry for GVA changes", (CPU, GVA, GUEST_HOW), _carry_out,
    "2 arrived absent", not_started="parked cpu {CPU}", group="memory",
)  # fmt: skip
