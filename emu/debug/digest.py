"""One number for the whole guest: equal states have equal digests, on every host."""

import hashlib
from typing import Final

from emu.hw.address import Hpa
from emu.machine.machine import Machine

CHUNK_BYTES: Final = 64 << 10
"""Memory is hashed in chunks; one that is all zero is left out."""
_ZERO: Final = bytes(CHUNK_BYTES)


def digest(machine: Machine) -> str:
    """SHA-256 over all guest memory (with its addresses) and all architectural registers."""
    found = hashlib.sha256()
    for gpa, hpa, size in machine.ram.views():
        for offset in range(0, size, CHUNK_BYTES):
            count = min(CHUNK_BYTES, size - offset)
            data = machine.memory.read(Hpa(hpa + offset), count)
            if data != _ZERO[:count]:
                found.update((gpa + offset).to_bytes(8, "little"))
                found.update(data)
    for cpu in machine.cpus:
        found.update(cpu.id.to_bytes(4, "little"))
        if cpu.context is not None:
            found.update(cpu.context.architectural())
    return found.hexdigest()
