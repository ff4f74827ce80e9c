"""The x2APIC command register: who is reached, by what, and what is dropped."""

import pytest

from emu.vmm import apic
from emu.vmm.effects import Effect, SendInit, SendInterrupt, SendSipi, SetMsr
from emu.vmm.msr import write_msr
from tests.vmm.builder import APIC_IDS, Guest, notes

BROADCAST = 0xFFFF_FFFF
INIT_ASSERT, INIT_DEASSERT, SIPI = 0xC500, 0x8500, 0x0600


def to(apic_id: int, low: int) -> int:
    return apic_id << 32 | low


@pytest.mark.parametrize(
    ("value", "delivered"),
    [
        (to(2, INIT_ASSERT), (SendInit(1),)),
        (to(2, 0x4500), (SendInit(1),)),
        (to(300, SIPI | 0x9A), (SendSipi(3, 0x9A),)),
        (to(4, 0x4600 | 0x08), (SendSipi(2, 0x08),)),
        (to(0, 0x400), (SendInterrupt(0, 2, nmi=True),)),
        (to(4, 0xF3), (SendInterrupt(2, 0xF3),)),
        (to(4, 0x1F3), (SendInterrupt(2, 0xF3),)),
        (0xC4500, (SendInit(1), SendInit(2), SendInit(3))),
        (0xC4608, (SendSipi(1, 8), SendSipi(2, 8), SendSipi(3, 8))),
        (0x40031, (SendInterrupt(0, 0x31),)),
        (0x80031, tuple(SendInterrupt(cpu, 0x31) for cpu in range(4))),
        (to(BROADCAST, 0x31), tuple(SendInterrupt(cpu, 0x31) for cpu in range(4))),
        (to(0x0000_0014, 0x831), (SendInterrupt(1, 0x31), SendInterrupt(2, 0x31))),
        (to(0x0012_1000, 0x831), (SendInterrupt(3, 0x31),)),
        (to(0x0000_0015, 0x931), (SendInterrupt(0, 0x31),)),
    ],
)
def test_commands_reach_their_cpus(value: int, delivered: tuple[Effect, ...]) -> None:
    assert apic.send(Guest().caller(), value) == delivered


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (to(2, INIT_DEASSERT), "INIT de-assert ignored"),
        (to(7, INIT_ASSERT), "INIT dropped: no CPU has APIC id 0x7"),
        (to(2, 0x300), "ICR 0x200000300 dropped: delivery mode 3 is reserved"),
        (to(2, 0x200), "ICR 0x200000200 dropped: SMIs are not modelled"),
        (to(2, 0x0F), "ICR 0x20000000f dropped: vector 15 is illegal"),
        (
            0x44500,
            "ICR 0x44500 dropped: INIT may not be sent to the sender itself by shorthand",
        ),
        (
            0x84608,
            "ICR 0x84608 dropped: SIPI may not be sent to the sender itself by shorthand",
        ),
    ],
)
def test_what_is_dropped_is_noted(value: int, why: str) -> None:
    effects = apic.send(Guest().caller(), value)
    assert (len(effects), notes(effects)) == (1, why)


@pytest.mark.parametrize("low", [INIT_ASSERT, SIPI | 8])
def test_a_td_cannot_be_started_by_interrupts(low: int) -> None:
    assert "do not take" in notes(apic.send(Guest("tdx").caller(), to(2, low)))


def test_the_register_keeps_what_was_written() -> None:
    guest = Guest()
    guest.vmm.msrs[0, 0x1B] = 0xFEE0_0D00
    assert write_msr(guest.caller(), 0x830, to(2, INIT_ASSERT)) == (
        SetMsr(0, 0x830, to(2, INIT_ASSERT)),
        SendInit(1),
    )
    assert write_msr(guest.caller(), 0x83F, 0x41) == (SendInterrupt(0, 0x41),)


def test_logical_ids_are_unique() -> None:
    assert [apic.logical_id(apic_id) for apic_id in APIC_IDS] == [1, 4, 16, 0x12_1000]
