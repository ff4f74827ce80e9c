"""The x2APIC command register: who is reached, by what, and what is dropped."""

import pytest

from emu.vmm import apic
from emu.vmm.effects import (
    ApicError,
    Effect,
    Note,
    SendInit,
    SendInterrupt,
    SendSipi,
    Sent,
    SetMsr,
)
from emu.vmm.msr import write_msr
from tests.vmm.builder import APIC_IDS, Guest, notes

BROADCAST = 0xFFFF_FFFF
INIT_ASSERT, INIT_DEASSERT, SIPI = 0xC500, 0x8500, 0x0600


def ready(isolation: str = "none") -> Guest:
    """A guest whose APICs are all switched on, in x2APIC mode."""
    guest = Guest(isolation)
    for cpu in range(4):
        guest.vmm.msrs[cpu, 0x1B] = 0xFEE0_0C00
        guest.vmm.msrs[cpu, 0x80F] = 0x1FF
    return guest


def ipi(cpu: int, vector: int, nmi: bool = False) -> SendInterrupt:
    return SendInterrupt(cpu, vector, nmi, ipi=True)


def to(apic_id: int, low: int) -> int:
    return apic_id << 32 | low


@pytest.mark.parametrize(
    ("value", "delivered"),
    [
        (to(2, INIT_ASSERT), (SendInit(1),)),
        (to(2, 0x4500), (SendInit(1),)),
        (to(300, SIPI | 0x9A), (SendSipi(3, 0x9A),)),
        (to(4, 0x4600 | 0x08), (SendSipi(2, 0x08),)),
        (to(0, 0x400), (ipi(0, 2, nmi=True),)),
        (to(4, 0xF3), (ipi(2, 0xF3),)),
        (to(4, 0x1F3), (ipi(2, 0xF3),)),
        (0xC4500, (SendInit(1), SendInit(2), SendInit(3))),
        (0xC4608, (SendSipi(1, 8), SendSipi(2, 8), SendSipi(3, 8))),
        (0x40031, (ipi(0, 0x31),)),
        (0x80031, tuple(ipi(cpu, 0x31) for cpu in range(4))),
        (to(BROADCAST, 0x31), tuple(ipi(cpu, 0x31) for cpu in range(4))),
        (to(0x0000_0014, 0x831), (ipi(1, 0x31), ipi(2, 0x31))),
        (to(0x0012_1000, 0x831), (ipi(3, 0x31),)),
        (to(0x0000_0015, 0x931), (ipi(0, 0x31),)),
    ],
)
def test_commands_reach_their_cpus(value: int, delivered: tuple[Effect, ...]) -> None:
    sent, *found = apic.send(ready().caller(), value)
    assert isinstance(sent, Sent)
    assert tuple(found) == delivered


@pytest.mark.parametrize(("value", "words"), [
    (to(2, INIT_ASSERT), "sends INIT to cpu 1 by X2APIC_ICR"),
    (to(300, SIPI | 0x9A), "sends SIPI 0x9a to cpu 3 by X2APIC_ICR"),
    (to(0, 0x400), "sends NMI to cpu 0 by X2APIC_ICR"),
    (0xC4500, "sends INIT to cpus 1-3 by X2APIC_ICR"),
    (to(4, 0x1F3), "sends lowest-priority interrupt 0xf3 to cpu 2 by X2APIC_ICR"),
    (to(0x0000_0011, 0x831), "sends interrupt 0x31 to 2 cpus by X2APIC_ICR"),
])  # fmt: skip
def test_a_command_is_told_with_its_targets_and_its_way(value: int, words: str) -> None:
    assert apic.send(ready().caller(), value)[0] == Sent(words)


def test_the_register_for_oneself_is_told_as_such() -> None:
    effects = write_msr(ready().caller(), 0x83F, 0x31)
    assert effects == (Sent("sends interrupt 0x31 to cpu 0 by X2APIC_SELF_IPI"), ipi(0, 0x31))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (to(2, INIT_DEASSERT), "INIT de-assert ignored"),
        (to(7, INIT_ASSERT), "INIT dropped: no CPU has APIC id 0x7"),
        (to(2, 0x300), "ICR 0x200000300 dropped: delivery mode 3 is reserved"),
        (to(2, 0x200), "ICR 0x200000200 dropped: SMIs are not modelled"),
        (
            0x44500,
            "ICR 0x44500 dropped: INIT may not be sent to the sender itself by shorthand",
        ),
        (
            0x80131,
            "ICR 0x80131 dropped: lowest-priority may not be sent to the sender itself by "
            "shorthand",
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


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        # SDM 3A, figure 11-9: bit 5 send illegal vector, bit 6 receive illegal vector
        (to(2, 0x0F), 0x20), (to(2, 0x100), 0x20), (0x40000, 0x60), (0x8000F, 0x20),
    ],
)  # fmt: skip
def test_an_illegal_vector_is_an_error_and_not_sent(value: int, errors: int) -> None:
    error, note = apic.send(ready().caller(), value)
    assert error == ApicError(0, errors)
    assert isinstance(note, Note) and note.text.endswith("vectors below 16 are illegal")


def test_what_an_apic_that_is_switched_off_does_not_take_is_noted() -> None:
    guest = ready()
    guest.vmm.msrs[1, 0x80F] = 0xFF
    deaf = "interrupt 0x31 to cpu 1 is lost: its APIC is switched off"
    sent = apic.send(guest.caller(), 0xC0031)
    assert sent[1:] == (ipi(2, 0x31), ipi(3, 0x31), Note(deaf))
    lowest = apic.send(guest.caller(), to(BROADCAST, 0x131))
    assert lowest[1:] == (ipi(0, 0x31),)
    assert apic.send(guest.caller(), to(2, 0x131))[1:] == (Note(deaf),)
    for low, arrives in ((0x400, ipi(1, 2, nmi=True)), (INIT_ASSERT, SendInit(1))):
        assert apic.send(guest.caller(), to(2, low))[1:] == (arrives,)


@pytest.mark.parametrize("low", [INIT_ASSERT, SIPI | 8])
def test_a_td_cannot_be_started_by_interrupts(low: int) -> None:
    assert "do not take" in notes(apic.send(Guest("tdx").caller(), to(2, low)))


def test_the_register_keeps_what_was_written() -> None:
    guest = ready()
    assert write_msr(guest.caller(), 0x830, to(2, INIT_ASSERT)) == (
        SetMsr(0, 0x830, to(2, INIT_ASSERT)),
        Sent("sends INIT to cpu 1 by X2APIC_ICR"),
        SendInit(1),
    )


def test_logical_ids_are_unique() -> None:
    assert [apic.logical_id(apic_id) for apic_id in APIC_IDS] == [1, 4, 16, 0x12_1000]
