"""A nested page table entry is another one: the VMM's mistake, for all CPUs at once."""

from emu.errors import CommandError
from emu.hw.address import Gpa, page_of
from emu.inject.kind import Given, InjectionKind
from emu.inject.memory.how import HOW, edited
from emu.inject.parameter import GPA


def _carry_out(given: Given) -> None:
    machine, page = given.machine, Gpa(page_of(given.number("GPA")))
    entry = machine.board.npt.leaf(page)
    if not entry & 1:
        raise CommandError(f"inject npt: the nested table maps nothing at {page:#x} now")
    machine.board.npt.set_leaf(page, edited(entry, given.word("HOW")))
    machine.waits.disturb()


KIND = InjectionKind(
    "npt", "the nested table's entry for GPA changes", (GPA, HOW), _carry_out,
    "arrived nx at os-entry", group="memory",
)  # fmt: skip
