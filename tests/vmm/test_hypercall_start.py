"""Bringing virtual processors up: EnableVpVtl, StartVirtualProcessor, VP index, contexts."""

import struct

import pytest

from emu.hw.address import U64
from emu.vmm.effects import EnableVtl, HostWrite, Segment, StartVp, TableRegister
from emu.vmm.hypercalls import HypercallResult, dispatch
from emu.vmm.hypercalls.context import invalid, parse
from tests.vmm.builder import RAM, Guest, context, notes, of

ENABLE_PARTITION, ENABLE, START, INDEX = 0x0D, 0x0F, 0x99, 0x9A
SELF = 0xFFFF_FFFE
OUTPUT = RAM + 0x1000


def target(
    partition: int = U64, vp: int = 1, vtl: int = 2, reserved: bytes = bytes(3)
) -> bytes:
    return struct.pack("<QIB3s", partition, vp, vtl, reserved)


def call(guest: Guest, code: int, data: bytes) -> HypercallResult:
    guest.memory.write(RAM, data)
    return dispatch(guest.caller(), code, RAM, OUTPUT)


WRONG_TARGETS = [
    (target(partition=7), 0x0D),
    (target(vp=4), 0x0E),
    (target(vp=0xFFFF_FFFF), 0x0E),
    (target(vtl=3), 0x05),
    (target(vtl=1), 0x51),
    (target(reserved=b"\1\0\0"), 0x05),
]


@pytest.mark.parametrize("code", [ENABLE, START])
@pytest.mark.parametrize(("header", "status"), WRONG_TARGETS)
def test_the_target_must_exist(code: int, header: bytes, status: int) -> None:
    guest = Guest()
    guest.vmm.vps[1].vtl2_enabled = code == START
    result = call(guest, code, header + context())
    assert result.status == status
    assert not of(StartVp, result.effects) and not of(EnableVtl, result.effects)


@pytest.mark.parametrize("start", [context(), bytes(224)])
def test_a_vp_gets_its_vtl_once(start: bytes) -> None:
    guest = Guest()
    result = call(guest, ENABLE, target() + start)
    assert (result.status, of(EnableVtl, result.effects)) == (0, [EnableVtl(1, 2)])
    guest.vmm.vps[1].vtl2_enabled = True
    assert call(guest, ENABLE, target() + start).status == 0x86


@pytest.mark.parametrize("vp", [0, SELF])
def test_the_caller_has_its_vtl_already(vp: int) -> None:
    assert call(Guest(), ENABLE, target(vp=vp) + bytes(224)).status == 0x86


def test_the_first_context_must_make_sense() -> None:
    result = call(Guest(), ENABLE, target() + context(cr0=0x8000_0000))
    assert result.status == 0x50
    assert "VP 1: CR0.PG is set without CR0.PE" in notes(result.effects)


@pytest.mark.parametrize("vp", [0, SELF])
@pytest.mark.parametrize(("isolation", "status"), [("none", 5), ("vbs", 5), ("tdx", 0x0E)])
def test_nobody_starts_itself(vp: int, isolation: str, status: int) -> None:
    guest = Guest(isolation)
    assert call(guest, START, target(vp=vp) + context()).status == status


def test_a_vp_without_its_vtl_cannot_start() -> None:
    result = call(Guest(), START, target() + context())
    assert result.status == 0x15
    assert "VTL 2 is not enabled on VP 1" in notes(result.effects)


def test_a_vp_starts_with_its_context_and_only_once() -> None:
    guest = Guest("vbs")
    guest.vmm.vps[1].vtl2_enabled = True
    result = call(guest, START, target() + context())
    assert (result.status, of(StartVp, result.effects)) == (0, [StartVp(1, parse(context()))])
    guest.vmm.vps[1].started = True
    again = call(guest, START, target() + context())
    assert again.status == 0x15
    assert "VP 1 is started already" in notes(again.effects)


def test_a_td_vp_starts_at_the_reset_vector() -> None:
    guest = Guest("tdx")
    guest.vmm.vps[1].vtl2_enabled = True
    result = call(guest, START, target() + bytes(224))
    assert (result.status, of(StartVp, result.effects)) == (0, [StartVp(1, None)])
    assert call(guest, START, target() + context()).status == 0x50


def test_an_empty_context_starts_nothing_outside_a_td() -> None:
    guest = Guest("vbs")
    guest.vmm.vps[1].vtl2_enabled = True
    assert call(guest, START, target() + bytes(224)).status == 0x50


def test_a_context_is_read_field_by_field() -> None:
    read = parse(context(rip=1, rsp=2, rflags=3, fs_base=4, idt_base=5, gdt_base=6, pat=7))
    assert (read.rip, read.rsp, read.rflags, read.pat) == (1, 2, 3, 7)
    assert read.cs == Segment(0x10, 0, 0xFFFF_FFFF, 0xA09B)
    assert read.fs == Segment(0x18, 4, 0xFFFF_FFFF, 0xC093)
    assert (read.tr.attributes, read.ldtr.attributes) == (0x8B, 0x82)
    assert (read.idtr, read.gdtr) == (TableRegister(5, 0xFFF), TableRegister(6, 0x1F))
    assert (read.efer, read.cr0, read.cr3, read.cr4) == (0xD00, 0x8001_0021, 0x800_5000, 0x620)


REAL_MODE = {"cr0": 0x10, "efer": 0, "cr4": 0, "cs": 0x9B, "rip": 0xFFF0}
PROTECTED = {"cr0": 0x11, "efer": 0, "cr4": 0, "cs": 0xC09B, "rip": 0x1000}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        REAL_MODE,
        PROTECTED,
        {"cr3": 0x800_5FFF},
        {"cr4": 0x35_0620},
        {"rip": 0xFFFF_8000_0000_0000},
        {"cr0": 0x8001_0033},
    ],
)
def test_good_contexts(changes: dict[str, int]) -> None:
    assert invalid(parse(context(**changes))) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"rflags": 0}, "RFLAGS 0x0 has reserved bits wrong"),
        ({"rflags": 0x8002}, "RFLAGS 0x8002 has reserved bits wrong"),
        ({"rflags": 0x2_0002}, "RFLAGS.VM in long mode"),
        ({"cr0": 0x8000_0000}, "CR0.PG is set without CR0.PE"),
        ({"cr0": 0xA001_0021}, "CR0.NW is set without CR0.CD"),
        ({"cr0": 0x8001_0061}, "CR0 0x80010061 has reserved bits set"),
        ({"cr4": 0x8620}, "CR4 0x8620 has reserved bits set"),
        ({"cr4": 0x600}, "long mode without CR4.PAE"),
        ({"cr4": 0x2_0620}, "CR4 0x20620 has PCIDE set, which CPUID does not offer"),
        ({"cr4": 0x2620}, "CR4 0x2620 has VMXE set, which CPUID does not offer"),
        ({"cr4": 0x1620}, "CR4 0x1620 has LA57 set, which CPUID does not offer"),
        ({"cr4": 1 << 32 | 0x620}, "CR4 0x100000620 has reserved bits set"),
        ({"efer": 0x900}, "EFER.LMA is not EFER.LME and CR0.PG"),
        ({"efer": 0xC00}, "EFER.LMA is not EFER.LME and CR0.PG"),
        (PROTECTED | {"efer": 0x500}, "EFER.LMA is not EFER.LME and CR0.PG"),
        ({"efer": 0x1D00}, "EFER 0x1d00 has SVME set, which CPUID does not offer"),
        ({"efer": 0x8D00}, "EFER 0x8d00 has reserved bits set"),
        (
            {"cr3": 1 << 52},
            "CR3 0x10000000000000 is beyond the physical address space of 40 bits",
        ),
        ({"cs": 0xE09B}, "CS.L and CS.D are both set"),
        ({"cs": 0xA093}, "CS attributes 0xa093 are not a present code segment"),
        ({"tr": 0}, "TR attributes 0x0 are not a present busy TSS"),
        ({"tr": 0x89}, "TR attributes 0x89 are not a present busy TSS"),
        ({"fs_base": 1 << 47}, "a segment or table base is not canonical"),
        ({"idt_base": 1 << 63}, "a segment or table base is not canonical"),
        ({"gdt_base": 1 << 50}, "a segment or table base is not canonical"),
        ({"rip": 0x8000_0000_0000}, "RIP 0x800000000000 is not canonical"),
        (PROTECTED | {"rip": 1 << 32}, "RIP 0x100000000 is beyond 32 bits"),
        ({"pat": 2}, "PAT 0x2 is bad"),
    ],
)
def test_bad_contexts_are_told_apart(changes: dict[str, int], why: str) -> None:
    assert invalid(parse(context(**changes))) == why


def ids(*apic_ids: int, vtl: int = 0, partition: int = U64) -> bytes:
    return struct.pack("<QB7s", partition, vtl, bytes(7)) + struct.pack(
        f"<{len(apic_ids)}I", *apic_ids
    )


@pytest.mark.parametrize(
    ("data", "status", "done", "written"),
    [
        (ids(300, 4), 0, 2, (3, 2)),
        (ids(2, 5), 5, 1, (1,)),
        (ids(5, 2), 5, 0, ()),
        (ids(0, 2, vtl=2), 0x51, 1, (0,)),
        (ids(0, vtl=1), 0x51, 0, ()),
        (ids(0, vtl=9), 5, 0, ()),
        (ids(0, partition=1), 0x0D, 0, ()),
    ],
)
def test_apic_ids_are_looked_up(
    data: bytes, status: int, done: int, written: tuple[int, ...]
) -> None:
    guest = Guest()
    count = (len(data) - 16) // 4
    result = call(guest, INDEX | count << 32, data)
    assert (result.status, result.reps) == (status, done)
    found = [write.data for write in of(HostWrite, result.effects)]
    assert b"".join(found) == struct.pack(f"<{len(written)}I", *written)


@pytest.mark.parametrize(
    ("partition", "vtl", "flags", "status"),
    [
        (U64, 2, 0, 0x86),
        (U64, 0, 1, 0x86),
        (U64, 1, 0, 6),
        (U64, 3, 0, 5),
        (U64, 2, 2, 5),
        (1, 2, 0, 0xD),
    ],
)
def test_the_partition_has_the_vtls_it_has(
    partition: int, vtl: int, flags: int, status: int
) -> None:
    data = struct.pack("<QBB6s", partition, vtl, flags, bytes(6))
    assert call(Guest(), ENABLE_PARTITION, data).status == status
