"""How a CPU begins: at the reset vector, or at an image's entry in one of the CPU's modes."""

from typing import Final, Literal

from msgspec import Struct

CODE_SELECTOR: Final = 0x10
DATA_SELECTOR: Final = 0x18
_RESET_VECTOR: Final = 0xFFFFFFF0
_NE_PE: Final = 1 << 5 | 1
_PG: Final = 1 << 31
_OSXSAVE, _MCE, _PAE = 1 << 18, 1 << 6, 1 << 5
_NXE, _LMA, _LME = 1 << 11, 1 << 10, 1 << 8


PAT_AFTER_RESET: Final = 0x0007_0406_0007_0406
"""SDM 3, 12.12.4."""


class EntrySegment(Struct, frozen=True):
    """A segment register; attributes as in a descriptor's bits 55:40."""

    selector: int
    base: int
    limit: int
    attributes: int


class EntryState(Struct, frozen=True):
    """Registers of a CPU before its first instruction; the others are 0."""

    kind: Literal["reset-vector", "long", "protected", "real", "given", "moment"]
    """`protected`: 32 bits without paging; `real`: as a start-up IPI starts a CPU; `given`: as
    a start of a processor that is told all segments; `moment`: as the registers and segments
    say, whatever that is."""
    rip: int
    rsi: int
    """Offset of the shim parameters from the shim's base (ShimParamsRaw), or a vCPU index."""
    cr0: int
    cr3: int
    cr4: int
    efer: int
    gdt_base: int
    gdt_limit: int
    code_selector: int
    data_selector: int
    rdi: int = 0
    rsp: int = 0
    idt_base: int = 0
    idt_limit: int = 0
    registers: tuple[tuple[str, int], ...] = ()
    """General registers by name besides these; of a moment, all 64-bit ones."""
    rflags: int = 2
    pat: int = PAT_AFTER_RESET
    segments: tuple[tuple[str, EntrySegment], ...] = ()
    """Of a CPU that is `given` them or stood in a `moment`."""
    msrs: tuple[tuple[int, int], ...] = ()
    """(MSR, value) of what the VMM keeps for the CPU and firmware would have set."""
    state: Literal["running", "halted", "wait-for-sipi", "off"] = "running"


def long_mode(rip: int, rsi: int, cr3: int, gdt: int, gdt_bytes: int) -> EntryState:
    """64-bit mode on the loader's tables, with the CR0, CR4 and EFER of openvmm's loader
    (vm/loader/src/paravisor.rs)."""
    return EntryState(
        "long", rip, rsi, _PG | _NE_PE, cr3, _OSXSAVE | _MCE | _PAE, _NXE | _LMA | _LME,
        gdt, gdt_bytes - 1, CODE_SELECTOR, DATA_SELECTOR,
    )  # fmt: skip


RESET_VECTOR: Final = EntryState(
    "reset-vector", _RESET_VECTOR, 0, _NE_PE, 0, _MCE, _NXE | _LME, 0, 0, 0, 0
)
"""A TD's vCPU 0: 32-bit protected mode without paging, flat segments, no GDT of its own."""
