"""How a firmware's APs speak the mailbox protocol: what differs between the loops in the field.

Sources: ACPI 6.6, 5.2.12.19; openvmm, vm/loader/igvmfilegen (the reset page's generator);
td-shim, src/bin/td-shim/asm/ap_loop.asm; EDK2, OvmfPkg/TdxDxe/X64/ApRunLoop.nasm.
"""

from dataclasses import dataclass
from typing import Final

from emu.mailbox.layout import COMMANDS

INVALID_ID: Final = 0xFFFF_FFFF
BROADCAST_ID: Final = 0xFFFF_FFFE


@dataclass(frozen=True, slots=True)
class Dialect:
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
    Dialect("openhcl", "a dword command, a word as ack, and no stacks", 2, own_stacks=False),
    Dialect("td-shim", "a qword as ack, broadcasts, commands 2 to 6", 8, True, _WORK, False),
    Dialect("edk2", "a qword as ack, broadcasts, commands 2 to 6", 8, True, _WORK, False),
)
"""In the order in which a guess prefers them."""
BY_NAME: Final = {dialect.name: dialect for dialect in DIALECTS}


def guess(ack_bytes: int, own_stacks: bool) -> Dialect:
    """The dialect of an AP that was seen to ack. EDK2's and td-shim's look alike."""
    if ack_bytes == 2:
        return ACPI if own_stacks else BY_NAME["openhcl"]
    return BY_NAME["edk2"]
