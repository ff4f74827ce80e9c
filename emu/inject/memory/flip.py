"""A bit of memory flips. A TD's private pages have their integrity checked: there it is not the
bit that is seen, but that the page is broken."""

from emu.errors import CommandError
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import BIT, GPA


def _carry_out(given: Given) -> None:
    machine, gpa = given.machine, given.number("GPA") & ~7
    data = machine.board.ram.guest_bytes(gpa, 8)
    if data is None:
        raise CommandError(f"inject flip: GPA: there is no memory at {gpa:#x}")
    flipped = int.from_bytes(data, "little") ^ 1 << given.number("BIT")
    machine.stores.host_write(gpa, flipped.to_bytes(8, "little"))


KIND = InjectionKind(
    "flip", "bit BIT of the 8 bytes around GPA flips", (GPA, BIT), _carry_out,
    "arrived 2 at os-entry", group="memory",
)  # fmt: skip
