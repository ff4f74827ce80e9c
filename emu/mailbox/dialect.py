"""How a firmware's APs speak the mailbox protocol: what differs between the loops in the field.

Sources: ACPI 6.6, 5.2.12.19; openvmm, vm/loader/igvmfilegen (the reset page's generator);
td-shim, src/bin/td-shim/asm/ap_loop.asm; EDK2, OvmfPkg/TdxDxe/X64/ApRunLoop.nasm.
"""

from typing import Final

from msgspec import Struct

from emu.mailbox.layout import COMMANDS

INVALID_ID: Final = 0xFFFF_FFFF
BROADCAST_ID: Final = 0xFFFF_FFFE


class Dialect(Struct, frozen=True):
    """One way to speak the protocol."""

    name: str
    words: str
    ack_bytes: int
    """How many bytes the ack clears, from the command on."""
    broadcast: bool = False
    """Whether every AP answers to the id 0xFFFFFFFE, and 0xFFFFFFFF means nobody."""
    commands: tuple[tuple[int, str], ...] = tuple(COMMANDS.items())
    own_stacks: bool = True
    """Whether each AP waits on a stack of its own."""
    excused: tuple[str, ...] = ()
    """Rules that this firmware is known to break wherever it runs, by name."""

    def knows(self, command: int) -> bool:
        """Whether a command has a meaning."""
        return any(number == command for number, _ in self.commands)


_WORK: Final = (
    *COMMANDS.items(),
    (3, "AcceptPages"), (4, "AvailableToOs"), (5, "TestPages"), (6, "Tdcall"),
)  # fmt: skip
ACPI: Final = Dialect("acpi", "as the specification has it: the ack is one word", 2)
DIALECTS: Final[tuple[Dialect, ...]] = (
    ACPI,
    Dialect(
        "openhcl", "a dword command, no PAUSE, and the vector read after the ack", 2,
        own_stacks=False, excused=("vector-before-ack", "halves", "wait-pauses"),
    ),
    Dialect(
        "td-shim", "a qword as ack, broadcasts, commands 2 to 6, half of the vector", 8, True,
        _WORK, False, ("whole-vector",),
    ),
    Dialect("edk2", "a qword as ack, broadcasts, commands 2 to 6", 8, True, _WORK, False),
)  # fmt: skip
"""In the order in which a guess prefers them."""
BY_NAME: Final = {dialect.name: dialect for dialect in DIALECTS}


def guess(*, wide: bool, short: bool, late: bool, pauses: bool) -> Dialect:
    """The dialect of an AP by its first ack: whether that cleared the id too (`wide`), whether
    the vector was read only in part or after the ack, and whether the AP's loop had a PAUSE.

    One deviation alone is a bug and no dialect: openhcl's two must be there together."""
    if wide:
        return BY_NAME["td-shim" if short else "edk2"]
    return BY_NAME["openhcl"] if late and not pauses else ACPI
