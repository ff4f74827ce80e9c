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
    assert (eax, text(ebx, edx, ecx)) == (0x1F, "GenuineIntel")
    assert leaf(Guest("tdx"), 0)[0] == 0x21


@pytest.mark.parametrize(
    "number", [0x20, 0x1234, 0x3FFF_FFFF, 0x8000_0009, 0xC000_0000, 2**32 - 1]
)
@pytest.mark.parametrize("subleaf", [0, 1])
def test_a_leaf_beyond_its_range_is_the_highest_basic_one(number: int, subleaf: int) -> None:
    """SDM 2A, CPUID: with EAX higher than the maximum for basic or extended leaves."""
    guest = Guest()
    guest.cpu = 2
    highest = leaf(guest, 0)[0]
    assert leaf(guest, number, subleaf) == leaf(guest, highest, subleaf) != (0, 0, 0, 0)


@pytest.mark.parametrize("number", [3, 5, 8, 9, 0xA, 0xC, 0xF, 0x14, 0x19, 0x1C, 0x8000_0005])
def test_a_leaf_within_its_range_that_there_is_not_is_zero(number: int) -> None:
    assert leaf(Guest(), number) == (0, 0, 0, 0)


def test_the_hypervisors_range_is_nothing_without_one() -> None:
    bare, highest = Guest(hyperv=False), leaf(Guest(hyperv=False), 0x1F)
    assert leaf(bare, 0x4000_0000) == leaf(bare, 0x4000_0100) == highest
    assert leaf(Guest(), 0x4000_00FF) == (0, 0, 0, 0)
    assert leaf(Guest(), 0x4000_0100) == highest


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
    assert not ecx & 1 << 3, "MONITOR is hidden"
    assert edx & 1 << 6, "PAE"


FEATURES = {
    (1, "ecx"): {
        "SSE3": 0, "SSSE3": 9, "CMPXCHG16B": 13, "SSE4.1": 19, "SSE4.2": 20, "x2APIC": 21,
        "MOVBE": 22, "POPCNT": 23, "TSC-Deadline": 24, "XSAVE": 26,
        "RDRAND": 30, "hypervisor": 31,
    },
    (1, "edx"): {
        "FPU": 0, "DE": 2, "PSE": 3, "TSC": 4, "MSR": 5, "PAE": 6, "MCE": 7, "CX8": 8,
        "APIC": 9, "SEP": 11, "MTRR": 12, "PGE": 13, "MCA": 14, "CMOV": 15, "PAT": 16,
        "PSE-36": 17, "CLFSH": 19, "MMX": 23, "FXSR": 24, "SSE": 25, "SSE2": 26, "HTT": 28,
    },
    (7, "ebx"): {
        "FSGSBASE": 0, "SMEP": 7, "RDSEED": 18, "SMAP": 20, "CLFLUSHOPT": 23,
    },
    (7, "ecx"): {}, (7, "edx"): {},
    (0x8000_0001, "ecx"): {"LAHF": 0},
    (0x8000_0001, "edx"): {"SYSCALL": 11, "NX": 20, "1 GiB": 26, "RDTSCP": 27, "LM": 29},
    (6, "eax"): {"ARAT": 2}, (0x8000_0007, "edx"): {"invariant TSC": 8},
}  # fmt: skip
"""SDM 2A, CPUID: all that this processor has, and where the tables have it."""


@pytest.mark.parametrize(("number", "register"), FEATURES)
def test_the_features_are_these_and_no_others(number: int, register: str) -> None:
    value = leaf(Guest(), number)[("eax", "ebx", "ecx", "edx").index(register)]
    wanted = sum(1 << bit for bit in FEATURES[number, register].values())
    assert value == wanted, f"{value ^ wanted:#x} is wrong"


def test_osxsave_follows_cr4() -> None:
    """SDM 2A: leaf 1 ECX bit 27 is CR4.OSXSAVE."""
    guest = Guest()
    assert [
        read_cpuid(guest.caller(cr4=cr4), 1, 0)[2] >> 27 & 1 for cr4 in (0x20, 1 << 18)
    ] == [0, 1]


def test_extended_state_is_x87_and_sse() -> None:
    """SDM 1, 13.2: leaf 0xD; 13.4: 512 bytes of legacy region, 64 of header."""
    assert leaf(Guest(), 0xD, 0) == (3, 576, 576, 0)
    assert leaf(Guest(), 0xD, 1) == (1 | 1 << 2, 0, 0, 0), "XSAVEOPT, XGETBV of 1"
    assert leaf(Guest(), 0xD, 2) == (0, 0, 0, 0)


COUNTS = {
    (0,): 1, (0, 1): 2, (0, 1, 2, 3): 4, (0, 2, 4, 300): 512, tuple(range(17)): 32,
}  # fmt: skip
"""x2APIC ids -> ids that the package has room for: a power of two above the highest one."""


@pytest.mark.parametrize("ids", COUNTS)
def test_all_leaves_count_the_same_cpus(ids: tuple[int, ...]) -> None:
    """SDM 2A, CPUID, leaves 1, 4 and 0xB; SDM 3A, 9.9.3: ids of a package differ in the low
    bits only, as many as leaf 0xB says."""
    room = COUNTS[ids]
    for cpu, apic_id in enumerate(ids):
        guest = Guest(apic_ids=ids)
        guest.cpu = cpu
        _, ebx, _, edx = leaf(guest, 1)
        assert (ebx >> 24, ebx >> 16 & 0xFF) == (apic_id & 0xFF, min(room, 255))
        assert edx >> 28 & 1 == (room > 1), "HTT: EBX 23:16 is to be read"
        for number in (0xB, 0x1F):
            thread, core, none = (leaf(guest, number, index) for index in range(3))
            assert thread == (0, 1, 1 << 8, apic_id)
            assert core == (room.bit_length() - 1, len(ids), 2 << 8 | 1, apic_id)
            assert none == (0, 0, 2, apic_id)
        assert leaf(guest, 4)[0] >> 26 == min(room, 64) - 1


CACHES = [
    ("data", 1, 1, 32),
    ("instructions", 2, 1, 32),
    ("both", 3, 2, 1024),
    ("all", 3, 3, 16384),
]


@pytest.mark.parametrize(("what", "kind", "level", "kib"), CACHES)
def test_caches(what: str, kind: int, level: int, kib: int) -> None:
    """SDM 2A, CPUID, leaf 4: type 4:0, level 7:5, sharing 25:14 of EAX; the size is ways x
    partitions x line x sets."""
    index = [row[0] for row in CACHES].index(what)
    eax, ebx, ecx, _ = leaf(Guest(), 4, index)
    assert (eax & 31, eax >> 5 & 7) == (kind, level)
    assert (eax >> 14 & 0xFFF) + 1 == (512 if what == "all" else 1)
    size = ((ebx >> 22) + 1) * ((ebx >> 12 & 0x3FF) + 1) * ((ebx & 0xFFF) + 1) * (ecx + 1)
    assert size == kib << 10
    assert leaf(Guest(), 4, 4) == (0, 0, 0, 0)
    if level == 2:
        assert leaf(Guest(), 0x8000_0006)[2] == kib << 16 | 8 << 12 | 64
    assert leaf(Guest(), 2) == (0xFF01, 0, 0, 0), "descriptor 0xFF: ask leaf 4"


def test_the_brand() -> None:
    parts = [leaf(Guest(), 0x8000_0002 + n) for n in range(3)]
    assert text(*(register for part in parts for register in part)).rstrip("\0") == (
        "apdbg, an emulated processor"
    )


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
    assert leaf(Guest(), 0x21) == leaf(Guest(), 0x1F)


def test_extended_leaves_and_what_does_not_exist() -> None:
    assert leaf(Guest(), 0x8000_0000)[0] == 0x8000_0008
    edx = leaf(Guest(), 0x8000_0001)[3]
    assert all(edx >> bit & 1 for bit in (11, 20, 26, 27, 29))
    assert leaf(Guest(), 0x8000_0008)[0] == 48 << 8 | 40
    assert leaf(Guest("tdx"), 0x8000_0008)[0] == 48 << 8 | 48
