"""Which CPUID leaves a TD gets, and from whom, against the TDX module's own table.

`LOOKUP` is intel/tdx-module, `include/auto_gen/cpuid_configurations.c` (`cpuid_lookup`): leaf
and sub-leaf (None: any), but for those that are marked faulting there (6, 0x80000006) or that
`td_cpuid_exit` makes a #VE with TD_CTLS as they are at first (2 without VIRT_CPUID2, 0xB and
0x1F without ENUM_TOPOLOGY).
"""

from typing import Final

import pytest

from emu.vmm.asked import Cpuid
from emu.vmm.effects import RaiseException, SetRegisters, SetVeInfo, VeInfo
from emu.vmm.tdx import cpuid
from tests.vmm.builder import Guest, of

LOOKUP: Final[tuple[tuple[int, int | None], ...]] = (
    (0x0, None), (0x1, None), (0x3, None), *((0x4, n) for n in range(5)), (0x5, None),
    *((0x7, n) for n in range(3)), (0x8, None), (0xA, None), *((0xD, n) for n in range(0x13)),
    (0xE, None), (0x11, None), (0x12, None), (0x13, None), (0x14, 0), (0x14, 1), (0x15, None),
    (0x19, None), (0x1A, None), (0x1C, None), (0x1D, 0), (0x1D, 1), (0x1E, None), (0x20, None),
    (0x21, 0), (0x8000_0000, None), (0x8000_0001, None), (0x8000_0007, None),
    (0x8000_0008, None),
)  # fmt: skip
BASIC: Final = 0x21
"""CPUID leaf 0, EAX: a leaf beyond its range is answered as this one (`td_cpuid_exit`)."""
FAULTING: Final = (
    (0x2, 0), (0x4, 5), (0x6, 0), (0x7, 3), (0x9, 0), (0xB, 0), (0xB, 1), (0xC, 0), (0xD, 0x13),
    (0xF, 0), (0x10, 0), (0x14, 2), (0x16, 0), (0x17, 0), (0x18, 0), (0x1B, 0), (0x1D, 2),
    (0x1F, 0), (0x21, 1), (0x22, 1), (0x4000_0000, 0), (0x4000_0001, 0), (0x4000_0100, 0),
    (0x4FFF_FFFF, 0), (0x8000_0002, 0), (0x8000_0003, 0), (0x8000_0004, 0), (0x8000_0005, 0),
    (0x8000_0006, 0), (0xFFFF_FFFF, 1),
)  # fmt: skip


@pytest.mark.parametrize(("leaf", "subleaf"), LOOKUP)
def test_the_module_answers_what_is_in_its_table(leaf: int, subleaf: int | None) -> None:
    for one in (0, 1, 77) if subleaf is None else (subleaf,):
        effects = cpuid(Guest("tdx").caller(), Cpuid(2, leaf, one))
        assert of(SetRegisters, effects) and not of(RaiseException, effects)


@pytest.mark.parametrize(("leaf", "subleaf"), FAULTING)
def test_every_other_leaf_is_the_host_s(leaf: int, subleaf: int) -> None:
    put, raised = cpuid(Guest("tdx").caller(), Cpuid(3, leaf, subleaf))
    assert put == SetVeInfo(0, VeInfo(10, 0, 0, 0, 3))
    assert isinstance(raised, RaiseException) and raised.vector == 20
    assert f"CPUID of leaf {leaf:#x} in a TD (exit reason 10)" in raised.why


@pytest.mark.parametrize("leaf", [0x22, 0x3FFF_FFFF, 0x5000_0000, 0x8000_0009, 0xFFFF_FFFF])
def test_beyond_the_highest_leaf_the_highest_basic_one_answers(leaf: int) -> None:
    caller = Guest("tdx").caller()
    highest = cpuid(caller, Cpuid(2, BASIC, 0))
    assert cpuid(caller, Cpuid(2, leaf, 0)) == highest
    (put,) = of(SetRegisters, highest)
    values = dict(put.values)
    name = b"".join(values[one].to_bytes(4, "little") for one in ("rbx", "rdx", "rcx"))
    assert name == b"IntelTDX    "


@pytest.mark.parametrize("index", range(4))
def test_the_initial_apic_id_is_the_index_of_the_vcpu(index: int) -> None:
    """The ids of this machine are others (0, 2, 4, 300): only the host knows them."""
    guest = Guest("tdx")
    guest.cpu = index
    (put,) = of(SetRegisters, cpuid(guest.caller(), Cpuid(2, 1, 0)))
    assert dict(put.values)["rbx"] >> 24 == index
