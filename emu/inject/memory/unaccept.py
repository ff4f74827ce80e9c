"""The host takes a page away and gives an empty one for it, which nobody has accepted."""

from emu.hw.address import Gpa, page_of
from emu.inject.kind import Given, InjectionKind
from emu.inject.memory.isolated import lacks_acceptance
from emu.inject.parameter import GPA
from emu.machine import apply


def _carry_out(given: Given) -> None:
    machine, page = given.machine, Gpa(page_of(given.number("GPA")))
    apply.set_page_state(machine.board, page, 1, "unaccepted", zero=True)
    machine.waits.disturb()


KIND = InjectionKind(
    "unaccept", "the page of GPA is empty and has to be accepted again", (GPA,), _carry_out,
    "arrived at waking", lacking=lacks_acceptance, group="memory",
)  # fmt: skip
