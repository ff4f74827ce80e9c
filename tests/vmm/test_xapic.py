"""The local APIC's page against the manual's tables: which registers there are, which of their
bits can be written, whom an interrupt reaches, and when the page is there at all."""

from typing import Final, Literal

import pytest

from emu.vmm.cpuid import read_cpuid
from emu.vmm.devices import STANDARD
from emu.vmm.effects import (
    ApicError,
    EndInterrupt,
    LatchErrors,
    SendInit,
    SendInterrupt,
    SendSipi,
    SetMsr,
)
from emu.vmm.state import Caller
from tests.vmm.builder import Guest, of

PAGE: Final = 0xFEE0_0000
XAPIC, X2APIC, OFF = 0xFEE0_0800, 0xFEE0_0C00, 0xFEE0_0000
U32: Final = 0xFFFF_FFFF
Access = Literal["read-only", "write-only", "read/write"]

TABLE: Final[tuple[tuple[range, Access, int, int], ...]] = (
    # SDM 3A, table 11-1 (10-1 until 2023), "Local APIC Register Address Map": offsets, access;
    # what it reads as behind power-up (11.4.7.1), and the bits that software may set, by the
    # figures of chapter 11. Reserved bits are ignored.
    (range(0x020, 0x030, 16), "read-only", 2 << 24, 0),  # figure 11-6; read/write on older ones
    (range(0x030, 0x040, 16), "read-only", 0x0005_0014, 0),
    (range(0x080, 0x090, 16), "read/write", 0, 0xFF),  # figure 11-18
    (range(0x090, 0x0A0, 16), "read-only", 0, 0),
    (range(0x0A0, 0x0B0, 16), "read-only", 0, 0),
    (range(0x0B0, 0x0C0, 16), "write-only", 0, 0),
    (range(0x0C0, 0x0D0, 16), "read-only", 0, 0),
    (range(0x0D0, 0x0E0, 16), "read/write", 0, 0xFF00_0000),  # figure 11-13
    (range(0x0E0, 0x0F0, 16), "read/write", U32, 0xF000_0000),  # figure 11-14: the rest is ones
    (range(0x0F0, 0x100, 16), "read/write", 0xFF, 0x1FF),  # figure 11-23, no EOI suppression
    (range(0x100, 0x180, 16), "read-only", 0, 0),
    (range(0x180, 0x200, 16), "read-only", 0, 0),
    (range(0x200, 0x280, 16), "read-only", 0, 0),
    (range(0x280, 0x290, 16), "read/write", 0, 0),
    (range(0x300, 0x310, 16), "read/write", 0, 0xC_CFFF),  # figure 11-12; 12 is read-only
    (range(0x310, 0x320, 16), "read/write", 0, 0xFF00_0000),
    (range(0x320, 0x330, 16), "read/write", 1 << 16, 0x7_00FF),  # figure 11-8, and those below
    (range(0x330, 0x340, 16), "read/write", 1 << 16, 0x1_07FF),
    (range(0x340, 0x350, 16), "read/write", 1 << 16, 0x1_07FF),
    (range(0x350, 0x360, 16), "read/write", 1 << 16, 0x1_A7FF),
    (range(0x360, 0x370, 16), "read/write", 1 << 16, 0x1_A7FF),
    (range(0x370, 0x380, 16), "read/write", 1 << 16, 0x1_00FF),
    (range(0x380, 0x390, 16), "read/write", 0, U32),
    (range(0x390, 0x3A0, 16), "read-only", 0, 0),
    (range(0x3E0, 0x3F0, 16), "read/write", 0, 0b1011),  # figure 11-10
)
ACTS: Final = (0x300, 0x0F0, 0x280)
"""Writing those is more than a value: tested below."""


def ready(base: int = XAPIC, cpu: int = 1) -> Guest:
    """A CPU whose APIC is in a mode, software-enabled."""
    guest = Guest()
    guest.cpu = cpu
    for each in range(4):
        guest.vmm.msrs[each, 0x1B] = base
        guest.vmm.msrs[each, 0x80F] = 0x1FF
    return guest


def read(caller: Caller, offset: int, width: int = 4) -> int:
    found = STANDARD.read(caller, PAGE + offset, width)
    assert found is not None
    return found[0]


def store(guest: Guest, offset: int, value: int, width: int = 4) -> tuple[object, ...]:
    """What a store comes to; what it sets is set."""
    effects = STANDARD.write(guest.caller(), PAGE + offset, width, value)
    assert effects is not None
    for one in of(SetMsr, effects):
        guest.vmm.msrs[one.cpu, one.msr] = one.value
    return effects


def rows() -> dict[int, tuple[Access, int, int]]:
    return {at: (access, usual, bits) for span, access, usual, bits in TABLE for at in span}


def test_every_register_reads_as_behind_power_up() -> None:
    guest = ready()
    del guest.vmm.msrs[1, 0x80F]
    for at in range(0, 0x1000, 16):
        assert read(guest.caller(), at) == rows().get(at, ("", 0, 0))[1], hex(at)


def test_where_no_register_is_the_access_is_an_error() -> None:
    """ESR bit 7, illegal register address (SDM 3, figure 11-9)."""
    known = rows()
    for at in range(0, 0x1000, 16):
        wanted = () if at in known else (ApicError(1, 1 << 7),)
        found = STANDARD.read(ready().caller(), PAGE + at, 4)
        assert found is not None and found[1] == wanted, hex(at)
        if at not in known:
            assert store(ready(), at, 1) == wanted, hex(at)


def test_every_bit_can_be_set_as_the_table_says() -> None:
    for at, (access, usual, bits) in rows().items():
        if at in ACTS:
            continue
        for bit in range(32):
            guest = ready()
            store(guest, at, 1 << bit)
            found = read(guest.caller(), at)
            if at == 0x0E0:
                assert found == 0x0FFF_FFFF | 1 << bit
            elif access == "read/write":
                assert found == bits & 1 << bit, (hex(at), bit)
            else:
                assert found == usual, (hex(at), bit)


def test_bytes_of_a_register_can_be_read_and_not_written() -> None:
    guest = ready()
    assert [read(guest.caller(), 0x30 + n, 1) for n in range(6)] == [0x14, 0, 5, 0, 0, 0]
    assert store(guest, 0x80, 0x20, 1) == store(guest, 0x84, 0x20) == ()


@pytest.mark.parametrize("base", [OFF, X2APIC])
def test_in_no_other_mode_is_it_there(base: int) -> None:
    guest = ready(base)
    assert read(guest.caller(), 0x20) == U32, "nobody drives the lines"
    assert store(guest, 0x80, 0x20) == ()


@pytest.mark.parametrize(("base", "there"), [(OFF, 0), (XAPIC, 1), (X2APIC, 1)])
def test_cpuid_says_whether_there_is_an_apic(base: int, there: int) -> None:
    """CPUID.1:EDX[9] (SDM 3, 11.4.3)."""
    assert read_cpuid(ready(base).caller(), 1, 0)[3] >> 9 & 1 == there


def test_any_value_ends_an_interrupt_and_latches_errors() -> None:
    for value in (0, 1, U32):
        assert store(ready(), 0xB0, value) == (EndInterrupt(1),)
        assert store(ready(), 0x280, value) == (LatchErrors(1),)


def test_an_id_has_eight_bits() -> None:
    assert read(ready(cpu=3).caller(), 0x20) == (300 & 0xFF) << 24


DESTINATIONS: Final = (
    # SDM 3A, 11.6.2. The CPUs' APIC ids are 0, 2, 4 and 300.
    (0x2, False, None, (1,)),
    (0x3, False, None, ()),
    (0xFF, False, None, (0, 1, 2, 3)),  # broadcast
    (0b0110, True, 0xF, (1, 2)),  # flat model: LDR = 1 << CPU
    (0xFF, True, 0xF, (0, 1, 2, 3)),
    (0x13, True, 0x0, (0, 1)),  # cluster model: 0x11, 0x12, 0x21, 0x22
    (0x22, True, 0x0, (3,)),
    (0xF1, True, 0x0, (0, 2)),  # every cluster's first
)


@pytest.mark.parametrize(("destination", "logical", "model", "reached"), DESTINATIONS)
def test_whom_a_destination_means(
    destination: int, logical: bool, model: int | None, reached: tuple[int, ...]
) -> None:
    guest = ready()
    flat = model == 0xF
    for cpu, cluster in enumerate((0x11, 0x12, 0x21, 0x22)):
        guest.cpu = cpu
        store(guest, 0xD0, (1 << cpu if flat else cluster) << 24)
        store(guest, 0xE0, (model or 0) << 28)
    guest.cpu = 1
    assert not of(SendInterrupt, store(guest, 0x310, destination << 24)), "not before the low"
    effects = store(guest, 0x300, 0x4041 | logical << 11)
    assert tuple(one.cpu for one in of(SendInterrupt, effects)) == reached
    assert read(guest.caller(), 0x310) == destination << 24
    assert read(guest.caller(), 0x300) == 0x4041 | logical << 11, "and it is sent: bit 12"


def test_init_and_start_up_reach_their_cpu() -> None:
    guest = ready(cpu=0)
    store(guest, 0x310, 2 << 24)
    assert of(SendInit, store(guest, 0x300, 0x4500)) == [SendInit(1)]
    assert of(SendSipi, store(guest, 0x300, 0x4608)) == [SendSipi(1, 8)]
