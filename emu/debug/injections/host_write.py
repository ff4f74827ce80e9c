"""The host writes into guest memory: into a private page of a TD, that breaks its integrity."""

from emu.debug.injections.kind import Kind
from emu.errors import CommandError
from emu.hw.address import U64
from emu.machine import stores
from emu.machine.machine import Machine


def _carry_out(machine: Machine, values: list[int]) -> None:
    gpa, number = values
    if gpa % 8 or machine.ram.hpa(gpa) is None:
        raise CommandError(f"inject host-write: GPA: no aligned word of memory at {gpa:#x}")
    if number > U64:
        raise CommandError(f"inject host-write: VALUE: {number:#x} has more than 64 bits")
    stores.host_write(machine, gpa, number.to_bytes(8, "little"))


KIND = Kind("host-write", ("GPA", "VALUE"), "the host stores 8 bytes", _carry_out)
