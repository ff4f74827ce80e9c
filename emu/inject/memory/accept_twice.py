"""A page that is accepted already when the guest comes to accept it."""

from emu.hw.address import Gpa, page_of
from emu.inject.kind import Given, InjectionKind
from emu.inject.memory.isolated import lacks_acceptance
from emu.inject.parameter import GPA
from emu.machine import apply


def _carry_out(given: Given) -> None:
    page = Gpa(page_of(given.number("GPA")))
    apply.set_page_state(given.machine.board, page, 1, "private", zero=True)


KIND = InjectionKind(
    "accept-twice", "the page of GPA is accepted before the guest accepts it", (GPA,),
    _carry_out, "0x9000000", lacking=lacks_acceptance, group="memory",
)  # fmt: skip
