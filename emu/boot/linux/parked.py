"""APs as a firmware leaves them: in a loop at the ACPI mailbox until the OS wakes each.

Source: ACPI 6.6, 5.2.12.19 (command at 0, APIC id at 4, wakeup vector at 8; the AP clears the
command and jumps).
"""

from typing import Final

from msgspec.structs import replace

from emu.boot.entry import EntryState

LOOP: Final = bytes.fromhex(
    "f390"  # loop: pause
    "66833e01"  # cmp word ptr [rsi], 1
    "75f8"  # jne loop
    "397e04"  # cmp dword ptr [rsi + 4], edi
    "75f3"  # jne loop
    "488b4608"  # mov rax, [rsi + 8]
    "66c7060000"  # mov word ptr [rsi], 0
    "ffe0"  # jmp rax
)
"""RSI: the mailbox; EDI: the CPU's APIC id."""
LOOP_AT: Final = 0x800
"""In the mailbox's page: the half that is the firmware's."""


def parked(
    boot: EntryState, mailbox: int, tables: int, gdt: int, apic_ids: tuple[int, ...]
) -> tuple[EntryState, ...]:
    """How each of the APs begins. Tables and descriptors are such as the OS leaves alone."""
    return tuple(
        replace(boot, rip=mailbox + LOOP_AT, rsi=mailbox, rdi=apic_id, cr3=tables, gdt_base=gdt)
        for apic_id in apic_ids
    )
