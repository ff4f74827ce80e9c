"""The host takes a page away and gives an empty one for it, which nobody has accepted."""

from emu.debug.injections.kind import Given, Kind
from emu.debug.injections.memory.isolated import lacks_acceptance
from emu.debug.injections.parameter import GPA
from emu.hw.address import Gpa, page_of
from emu.machine import apply
from emu.machine.injected import disturb


def _carry_out(given: Given) -> None:
    machine, page = given.machine, Gpa(page_of(given.number("GPA")))
    apply.set_page_state(machine, page, 1, "unaccepted", zero=True)
    disturb(machine)


KIND = Kind(
    "unaccept", "the page of GPA is empty and has to be accepted again", (GPA,), _carry_out,
    "secondary_start at wake_aps", lacking=lacks_acceptance, group="memory",
)  # fmt: skip
