"""The OS reuses a page that others still need: it is filled with other contents."""

from emu.errors import CommandError
from emu.hw.address import PAGE_BYTES, Gpa, page_of
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import GPA, Parameter, within

BYTE = Parameter("BYTE", "what the page is filled with", within(0, 255), "0xcc")


def _carry_out(given: Given) -> None:
    machine, page = given.machine, Gpa(page_of(given.number("GPA")))
    hpa = machine.board.npt.hpa_of(page)
    if hpa is None:
        raise CommandError(f"inject reuse: GPA: nothing is mapped at {page:#x} now")
    writer = given.met_by or machine.board.cpus[0]
    machine.stores.put(writer, page, hpa, bytes([given.number("BYTE")]) * PAGE_BYTES)
    machine.waits.disturb()


KIND = InjectionKind(
    "reuse", "the OS fills the page of GPA with BYTE", (GPA, BYTE), _carry_out,
    "parked at os-entry", group="memory",
)  # fmt: skip
