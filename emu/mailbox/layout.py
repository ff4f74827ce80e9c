"""The mailbox page, field by field (ACPI 6.6, 5.2.12.19, multiprocessor wakeup mailbox)."""

import struct
from collections.abc import Callable
from typing import Final

from msgspec import Struct


class Field(Struct, frozen=True):
    """One field: its name, and offset and size in bytes. All are little endian."""

    name: str
    offset: int
    size: int


COMMAND: Final = Field("command", 0x000, 2)
RESERVED: Final = Field("reserved", 0x002, 2)
APIC_ID: Final = Field("apic_id", 0x004, 4)
VECTOR: Final = Field("vector", 0x008, 8)
FIELDS: Final = (COMMAND, RESERVED, APIC_ID, VECTOR)
HEAD_BYTES: Final = 16
_HEAD: Final = struct.Struct("<HHIQ")
"""The four of them, one behind the other."""
OS_BYTES: Final = 0x800
"""The OS half ends here; the rest of the page belongs to the firmware."""

COMMANDS: Final = {0: "Noop", 1: "Wakeup", 2: "Test"}
"""Those of ACPI 6.6, 5.2.12.19; what a firmware's loop hears beside them is its dialect's."""


def command_name(command: int) -> str:
    """`Wakeup`, or `command 7` for one the specification does not have."""
    return COMMANDS.get(command, f"command {command}")


def describe(field: str, old: int, new: int, name_of: Callable[[int], str]) -> str:
    """A change in words: `command = Wakeup (was Noop)`, `vector = start`."""
    if field == "command":
        return f"mailbox command = {command_name(new)} (was {command_name(old)})"
    if field == "vector":
        return f"mailbox vector = {name_of(new) or hex(new)}"
    return f"mailbox {field} = {new}"


class Head(Struct, frozen=True):
    """The four fields of the protocol."""

    command: int
    reserved: int
    apic_id: int
    vector: int


def read_head(data: bytes) -> Head:
    """Decode the first 16 bytes of the page."""
    return Head(*_HEAD.unpack_from(data))
