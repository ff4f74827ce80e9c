"""How a firmware's APs speak the mailbox protocol: what differs between the loops in the field.

A dialect is told by the instructions of the loop in which an AP waits: its loads in their order
and width, its ack, and when it reads the vector. Sources: ACPI 6.6, 5.2.12.19; openvmm,
vm/loader/igvmfilegen/src/vp_context_builder/tdx.rs; td-shim 125eeab,
td-shim/src/bin/td-shim/asm/ap_loop.asm; EDK2 c5aa7e7d, OvmfPkg/TdxDxe/X64/ApRunLoop.nasm with
OvmfPkg/Include/TdxCommondefs.inc. Of power-on: td-shim, td-shim/ResetVector/Main.asm (ParkAp)
with td-shim/src/bin/td-shim/td/tdx_mailbox.rs; EDK2, OvmfPkg/IntelTdx/Sec/X64/IntelTdxAPs.nasm.
"""

from typing import Final, Literal

from msgspec import Struct

from emu.mailbox.layout import COMMANDS

INVALID_ID: Final = 0xFFFF_FFFF
BROADCAST_ID: Final = 0xFFFF_FFFE
Load = tuple[str, int]
"""The field of the mailbox at which a load begins, and its bytes."""
IdBy = Literal["", "CPUID", "RDMSR", "VMCALL CPUID", "VMCALL RDMSR"]
"""How an AP came by its own APIC id; empty where that was not seen."""


class LoopCode(Struct, frozen=True):
    """What the instructions of a mailbox loop do, from its head to where an AP leaves it."""

    loads: tuple[Load, ...]
    """On the shortest way to the ack, in their order; the same one in a row counts once."""
    ack_bytes: int
    """How many bytes the ack clears, from the command on; 0: there is none."""
    late: bool = False
    """The vector is read after the ack."""
    pauses: bool = False
    """It executes PAUSE."""
    commands: tuple[int, ...] = ()
    """With which it compares the command."""
    ids: tuple[int, ...] = ()
    """With which it compares the id, apart from the AP's own."""
    answers: bool = False
    """It clears a command and goes on waiting: that is Test."""
    id_by: IdBy = ""
    id_acks: bool = False
    """It answers other commands than Wakeup by 0xFFFFFFFF in the id."""

    @property
    def broadcast(self) -> bool:
        """Whether every AP answers to the id 0xFFFFFFFE."""
        return BROADCAST_ID in self.ids

    @property
    def looks(self) -> tuple[object, ...]:
        """What tells one firmware's loop from another's."""
        vector = tuple(size for field, size in self.loads if field == "vector")
        return self.loads[:2], self.ack_bytes, vector, self.late, self.id_acks

    @property
    def words(self) -> str:
        """`reads command (4 bytes), apic_id (4), vector (8), then clears 8 bytes; PAUSE`."""
        loads = [f"{field} ({size})" for field, size in self.loads]
        ack = f"clears {self.ack_bytes} bytes" if self.ack_bytes else "leaves without an ack"
        place = len(loads) - self.late
        steps = [f"reads {', '.join(loads[:place])}", ack]
        steps += [f"reads {', '.join(loads[place:])}"] if self.late else []
        parts = [", then ".join(steps), "PAUSE" if self.pauses else "no PAUSE"]
        parts += ["answers a Test"] if self.answers else []
        parts += ["answers by 0xffffffff in the id"] if self.id_acks else []
        parts += [f"own id by {self.id_by}"] if self.id_by else []
        return "; ".join(parts)


class Dialect(Struct, frozen=True):
    """One way to speak the protocol."""

    name: str
    words: str
    loop: LoopCode | None = None
    """The loop of the real firmware."""
    commands: tuple[tuple[int, str], ...] = tuple(COMMANDS.items())
    """Those that the loop hears in which the OS finds the APs."""
    own_stacks: bool = True
    """Whether each AP waits on a stack of its own."""
    excused: tuple[str, ...] = ()
    """Rules that this firmware is known to break wherever it runs, by name."""
    for_all: bool = False
    """Every AP takes every command, whatever the id."""

    @property
    def broadcast(self) -> bool:
        """Whether every AP answers to the id 0xFFFFFFFE."""
        return self.for_all or (self.loop is not None and self.loop.broadcast)

    def knows(self, command: int) -> bool:
        """Whether a command has a meaning."""
        return any(number == command for number, _ in self.commands)


_EARLY: Final = (
    "leaves-on-wakeup", "command-answered", "withdrawn", "whole-vector", "halves",
    "wait-pauses", "one-command",
)  # fmt: skip
"""What a loop does in which a firmware's APs wait for the firmware itself."""
ACPI: Final = Dialect("acpi", "as the specification has it")
DIALECTS: Final[tuple[Dialect, ...]] = (
    ACPI,
    Dialect(
        "openhcl", "a dword command behind the id, no PAUSE, and the vector read after the ack",
        LoopCode(
            (("apic_id", 4), ("command", 4), ("vector", 8)), 2, late=True, commands=(1,),
            id_by="VMCALL RDMSR",
        ),
        ((0, "Noop"), (1, "Wakeup")), False, (
            "vector-before-ack", "halves", "wait-pauses", "nodes-honoured",
        ),
    ),
    Dialect(
        "td-shim", "a dword command behind the id, half of the vector, a qword ack, broadcasts",
        LoopCode(
            (("apic_id", 4), ("command", 4), ("vector", 4)), 8, commands=(0, 1),
            ids=(BROADCAST_ID,), id_by="VMCALL CPUID",
        ),
        ((0, "Noop"), (1, "Wakeup")), False, ("whole-vector", "wait-pauses"),
    ),
    Dialect(
        "edk2", "a dword command read again behind the id, a qword ack, broadcasts, Sleep",
        LoopCode(
            (("command", 4), ("apic_id", 4), ("command", 4), ("vector", 8)), 8,
            commands=(0, 1, 2, 3), ids=(BROADCAST_ID,), answers=True, id_by="VMCALL CPUID",
        ),
        (*COMMANDS.items(), (3, "Sleep")), False, ("wait-pauses",),
    ),
    Dialect(
        "td-shim-early", "td-shim's loop of power-on: no ack of a Wakeup, others by the id",
        LoopCode(
            (("apic_id", 4), ("command", 4), ("vector", 4)), 0, commands=(0, 1, 3, 4),
            ids=(BROADCAST_ID,), id_acks=True,
        ),
        ((0, "Noop"), (1, "Wakeup"), (3, "AssignWork"), (4, "Check"), (5, "SetCr3"),
         (6, "SetIdt")),
        False, _EARLY,
    ),
    Dialect(
        "edk2-early", "EDK2's loop of power-on: one command for all CPUs, and no ack",
        LoopCode((("command", 4), ("vector", 4), ("vector", 8)), 0, commands=(0, 1, 2)),
        ((0, "Noop"), (1, "Wakeup"), (2, "AcceptPages")), False, _EARLY, for_all=True,
    ),
)  # fmt: skip
BY_NAME: Final = {dialect.name: dialect for dialect in DIALECTS}


def recognise(code: LoopCode) -> Dialect:
    """Whose loop it is. Order and widths together tell: one deviation alone is a bug and no
    dialect. A PAUSE more or less, another check, or the command read once more changes nothing
    in that."""
    wanted = code.looks
    some = (one for one in DIALECTS if one.loop is not None and one.loop.looks == wanted)
    return next(some, ACPI)
