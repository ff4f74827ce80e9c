"""The registers of the x2APIC against the manual's tables: which exist, which can be read and
written, and which of their bits are reserved."""

from typing import Final, Literal

import pytest

from emu.vmm.effects import SetMsr
from emu.vmm.msr import read_msr, write_msr
from tests.vmm.builder import Guest, of

Access = Literal["read-only", "write-only", "read/write"]
U64: Final = (1 << 64) - 1
U32: Final = (1 << 32) - 1

TABLE: Final[tuple[tuple[range, Access, int], ...]] = (
    # SDM 3A, table 11-6 (10-6 until 2023), "Local APIC Register Address Map Supported by
    # x2APIC": MSRs, access; and the bits that may be written, by the figures that it names.
    # Bits 63:32 are reserved in all but the ICR (11.12.1.2).
    (range(0x802, 0x803), "read-only", 0),
    (range(0x803, 0x804), "read-only", 0),
    (range(0x808, 0x809), "read/write", 0xFF),  # 31:8 are reserved
    (range(0x80A, 0x80B), "read-only", 0),
    (range(0x80B, 0x80C), "write-only", 0),  # a non-zero value is #GP(0)
    (range(0x80D, 0x80E), "read-only", 0),
    (range(0x80F, 0x810), "read/write", 0x1FF),  # figure 11-23, no EOI suppression
    (range(0x810, 0x818), "read-only", 0),
    (range(0x818, 0x820), "read-only", 0),
    (range(0x820, 0x828), "read-only", 0),
    (range(0x828, 0x829), "read/write", 0),  # a non-zero value is #GP(0)
    (range(0x830, 0x831), "read/write", U64 & ~0xFFF3_2000),  # figure 11-28; 12 is ignored
    (range(0x832, 0x833), "read/write", 0x7_10FF),  # figure 11-8, and so are those below
    (range(0x833, 0x834), "read/write", 0x1_17FF),
    (range(0x834, 0x835), "read/write", 0x1_17FF),
    (range(0x835, 0x836), "read/write", 0x1_F7FF),
    (range(0x836, 0x837), "read/write", 0x1_F7FF),
    (range(0x837, 0x838), "read/write", 0x1_10FF),
    (range(0x838, 0x839), "read/write", U32),
    (range(0x839, 0x83A), "read-only", 0),
    (range(0x83E, 0x83F), "read/write", 0b1011),  # figure 11-10
    (range(0x83F, 0x840), "write-only", 0xFF),  # figure 11-31
)
NO_CMCI: Final = 0x82F
"""In the table, but only where IA32_MCG_CAP has CMCI_P, which is not offered here."""
SPACE: Final = range(0x800, 0xC00)


def ready(cpu: int = 1) -> Guest:
    """A CPU in x2APIC mode, with its APIC switched on."""
    guest = Guest()
    guest.cpu = cpu
    guest.vmm.msrs[cpu, 0x1B] = 0xFEE0_0C00
    guest.vmm.msrs[cpu, 0x80F] = 0x1FF
    return guest


def rows() -> dict[int, tuple[Access, int]]:
    return {msr: (access, bits) for span, access, bits in TABLE for msr in span}


def test_every_address_can_be_read_as_the_table_says() -> None:
    caller, table = ready().caller(), rows()
    assert read_msr(Guest().caller(), 0x179) == 0, "no CMCI"
    for msr in SPACE:
        readable = msr in table and table[msr][0] != "write-only"
        assert (read_msr(caller, msr) is not None) == readable, hex(msr)


def test_every_address_can_be_written_as_the_table_says_bit_by_bit() -> None:
    caller, table = ready().caller(), rows()
    for msr in SPACE:
        access, bits = table.get(msr, ("read-only", 0))
        assert (write_msr(caller, msr, 0) is not None) == (access != "read-only"), hex(msr)
        for bit in range(64):
            taken = write_msr(caller, msr, 1 << bit) is not None
            assert taken == (access != "read-only" and bool(bits >> bit & 1)), (hex(msr), bit)


def test_the_delivery_status_of_the_icr_is_ignored_and_reads_as_clear() -> None:
    found = write_msr(ready().caller(), 0x830, 5 << 32 | 1 << 12 | 0x41)
    assert of(SetMsr, found or ()) == [SetMsr(1, 0x830, 5 << 32 | 0x41)]


@pytest.mark.parametrize("msr", [0x832, 0x835])
def test_read_only_bits_of_a_local_vector_are_dropped(msr: int) -> None:
    found = write_msr(ready().caller(), msr, 1 << 12 | 0x41)
    assert of(SetMsr, found or ()) == [SetMsr(1, msr, 0x41)]


def test_switched_off_all_local_sources_are_masked_and_stay_so() -> None:
    """SDM 3A, 11.4.7.2."""
    guest = ready()
    guest.vmm.msrs |= {(1, 0x832): 0x41, (1, 0x836): 0x400, (1, 0x837): 0x1_0042}
    found = of(SetMsr, write_msr(guest.caller(), 0x80F, 0xFF) or ())
    masked = [SetMsr(1, 0x832, 0x1_0041), SetMsr(1, 0x836, 0x1_0400)]
    assert found == [SetMsr(1, 0x80F, 0xFF), *masked]
    guest.vmm.msrs[1, 0x80F] = 0xFF
    assert of(SetMsr, write_msr(guest.caller(), 0x832, 0x41) or ()) == masked[:1]


@pytest.mark.parametrize(
    ("tpr", "serving", "ppr"),
    [
        # SDM 3A, 11.8.3.1: PPR[7:4] is the higher class; PPR[3:0] the TPR's if it is its own
        (0x00, None, 0x00), (0x45, None, 0x45), (0x45, 0x31, 0x45), (0x45, 0x51, 0x50),
        (0x00, 0xEF, 0xE0), (0xFF, 0xEF, 0xFF), (0x0F, 0x1F, 0x10),
    ],
)  # fmt: skip
def test_the_processor_s_priority(tpr: int, serving: int | None, ppr: int) -> None:
    guest = ready()
    guest.vmm.msrs[1, 0x808] = tpr
    guest.vmm.vps[1].in_service = 0 if serving is None else 1 << serving | 1 << 0x11
    assert read_msr(guest.caller(), 0x80A) == (max(ppr, 0x10) if serving else ppr)


def test_words_of_what_is_served() -> None:
    guest = ready()
    guest.vmm.vps[1].in_service = 1 << 0x31 | 1 << 0xEF
    words = [read_msr(guest.caller(), msr) for msr in range(0x810, 0x818)]
    assert words == [0, 1 << 17, 0, 0, 0, 0, 0, 1 << 15]
