"""The host writes into guest memory: into a private page of a TD, that breaks its integrity."""

from emu.errors import CommandError
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import GPA, VALUE


def _carry_out(given: Given) -> None:
    gpa = given.number("GPA")
    if gpa % 8:
        raise CommandError(f"inject host-write: GPA: {gpa:#x} is no multiple of 8")
    given.machine.stores.host_write(gpa, given.number("VALUE").to_bytes(8, "little"))


KIND = InjectionKind(
    "host-write", "the host stores 8 bytes", (GPA, VALUE), _carry_out, "mailbox.vector 0",
    group="memory",
)  # fmt: skip
