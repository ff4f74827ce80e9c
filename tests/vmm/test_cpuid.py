"""CPUID: identity, topology, clocks, and who sees which hypervisor leaves."""

import pytest

from emu.vmm.cpuid import cpuid, read_cpuid
from emu.vmm.effects import Complete, SetRegisters
from tests.vmm.builder import Guest


def text(*registers: int) -> str:
    return b"".join(register.to_bytes(4, "little") for register in registers).decode()


def leaf(guest: Guest, number: int, subleaf: int = 0) -> tuple[int, int, int, int]:
    return read_cpuid(guest.caller(), number, subleaf)


def test_the_instruction_sets_four_registers_and_clears_their_upper_halves() -> None:
    assert cpuid(Guest().caller(), 0xB, 1) == (
        SetRegisters((("rax", 9), ("rbx", 4), ("rcx", 0x201), ("rdx", 0))),
        Complete(),
    )


def test_the_vendor_and_the_highest_leaf() -> None:
    eax, ebx, ecx, edx = leaf(Guest(), 0)
    assert (eax, text(ebx, edx, ecx)) == (0x16, "GenuineIntel")
    assert leaf(Guest("tdx"), 0)[0] == 0x21


@pytest.mark.parametrize(
    ("isolation", "hyperv", "hypervisor"),
    [("none", True, 1), ("vbs", True, 1), ("tdx", False, 1), ("none", False, 0)],
)
def test_features_tell_what_the_machine_is(
    isolation: str, hyperv: bool, hypervisor: int
) -> None:
    guest = Guest(isolation, hyperv=hyperv)
    guest.cpu = 3
    _, ebx, ecx, edx = leaf(guest, 1)
    assert ebx >> 24 == 300 & 0xFF
    assert ecx >> 31 == hypervisor
    assert ecx >> 21 & 1, "x2APIC"
    assert not ecx & (1 << 3 | 1 << 30), "MONITOR and RDRAND are hidden"
    assert edx & 1 << 6, "PAE"


def test_the_topology_gives_the_whole_apic_id() -> None:
    guest = Guest()
    guest.cpu = 3
    assert leaf(guest, 0xB, 0) == (0, 1, 0x100, 300)
    assert leaf(guest, 0xB, 1) == (9, 4, 0x201, 300)
    assert leaf(guest, 0xB, 2) == (0, 0, 2, 300)


@pytest.mark.parametrize("hz", [2_000_000_000, 25_000_000, 2_100_000_000, 1_999_999_999])
def test_the_crystal_gives_the_exact_tsc_frequency(hz: int) -> None:
    eax, ebx, ecx, _ = leaf(Guest(tsc_hz=hz), 0x15)
    assert ecx * ebx == hz * eax
    assert ecx == 25_000_000


def test_openhcl_finds_the_frequency_in_ebx_alone() -> None:
    assert leaf(Guest(), 0x15) == (1, 80, 25_000_000, 0)


def test_the_hypervisor_introduces_itself() -> None:
    highest, *vendor = leaf(Guest(), 0x4000_0000)
    assert (highest, text(*vendor)) == (0x4000_000C, "Microsoft Hv")
    assert text(leaf(Guest(), 0x4000_0001)[0]) == "Hv#1"
    assert leaf(Guest(), 0x4000_0005)[0] == 4
    for number in range(0x4000_0000, 0x4000_000D):
        assert leaf(Guest(hyperv=False), number) == (0, 0, 0, 0)


@pytest.mark.parametrize(("isolation", "isolated"), [("none", 0), ("vbs", 1), ("tdx", 0)])
def test_isolation_is_one_bit_of_the_privileges(isolation: str, isolated: int) -> None:
    guest = Guest(isolation)
    eax, ebx, _, _ = leaf(guest, 0x4000_0003)
    assert ebx >> 22 & 1 == isolated
    assert eax & 0b110_0010 == 0b110_0010, "reference counter, hypercall MSRs, VP index"
    assert ebx >> 21 & 1, "StartVirtualProcessor"
    assert leaf(guest, 0x4000_000C)[1] == isolated


def test_a_td_recognises_itself() -> None:
    _, ebx, ecx, edx = leaf(Guest("tdx"), 0x21)
    assert text(ebx, edx, ecx) == "IntelTDX    "
    assert leaf(Guest(), 0x21) == (0, 0, 0, 0)


def test_extended_leaves_and_what_does_not_exist() -> None:
    assert leaf(Guest(), 0x8000_0000)[0] == 0x8000_0008
    edx = leaf(Guest(), 0x8000_0001)[3]
    assert all(edx >> bit & 1 for bit in (11, 20, 26, 27, 29))
    assert leaf(Guest(), 0x8000_0008)[0] == 48 << 8 | 40
    assert leaf(Guest("tdx"), 0x8000_0008)[0] == 48 << 8 | 48
    assert leaf(Guest(), 7) == leaf(Guest(), 0x1234) == (0, 0, 0, 0)
