"""TDG.VP.VMCALL: what the host sees, the guest-host interface, and hypercalls from a TD."""

import struct

import pytest

from emu.hw.address import PAGE_BYTES, U64
from emu.vmm.devices import Device, Devices, Window
from emu.vmm.effects import (
    Complete,
    Cost,
    Crash,
    Effects,
    EnableVtl,
    Halt,
    Note,
    PowerOff,
    SendInterrupt,
    SerialOut,
    SetMsr,
    SetPageState,
    SetRegisters,
)
from emu.vmm.state import Caller
from emu.vmm.tdx import subfunction_name, tdcall
from tests.vmm.builder import RAM, Guest, change, notes, of

RDMSR_MASK, WRMSR_MASK, IO_MASK, HYPERCALL_MASK = 0x1C00, 0x3C00, 0xFF00, 0x0D04
ALL = 0xFFCC
INVALID, ALIGN = 1 << 63, 1 << 63 | 2
SHARED = 1 << 47
BOUNCE = 0x900_0000
MAP_GPA = 0x10001


def call(guest: Guest, mask: int, **registers: int) -> Effects:
    return tdcall(guest.caller(rax=0, rcx=mask, **registers))


def results(effects: Effects) -> dict[str, int]:
    assert Complete() in effects
    return {name: value for put in of(SetRegisters, effects) for name, value in put.values}


@pytest.mark.parametrize("bit", [0, 1, 4, 32, 63])
def test_some_registers_are_never_exposed(bit: int) -> None:
    effects = call(Guest("tdx"), RDMSR_MASK | 1 << bit, r11=0x1F, r12=0x802)
    assert results(effects) == {"rax": 0xC000_0100_0000_0001}


@pytest.mark.parametrize("keeps", [True, False])
def test_rbp_is_exposed_only_where_the_td_may_lose_it(keeps: bool) -> None:
    """TDX module, tdg_vp_vmcall.c: NO_RBP_MOD adds bit 5 to those that must be 0."""
    guest = Guest("tdx", no_rbp_mod=keeps)
    effects = call(guest, RDMSR_MASK | 1 << 5, r11=0x1F, r12=0x802)
    assert results(effects)["rax"] == (0xC000_0100_0000_0001 if keeps else 0)


def test_xmm_registers_may_be_exposed() -> None:
    effects = call(Guest("tdx"), RDMSR_MASK | 0xFFFF_0000, r11=0x1F, r12=0x802)
    assert results(effects) == {"rax": 0, "r10": 0, "r11": 0}


def test_an_ap_learns_its_apic_id() -> None:
    guest = Guest("tdx")
    guest.cpu = 3
    effects = call(guest, RDMSR_MASK, r10=0, r11=0x1F, r12=0x802)
    assert results(effects) == {"rax": 0, "r10": 0, "r11": 300}


def test_the_host_changes_only_what_it_sees() -> None:
    guest = Guest("tdx")
    guest.cpu = 3
    hidden = call(guest, 1 << 12 | 1 << 11, r11=0x1F, r12=0x802)
    assert results(hidden) == {"rax": 0, "r11": 300}


def test_a_hidden_argument_reads_as_zero() -> None:
    effects = call(Guest("tdx"), 1 << 10 | 1 << 11, r11=0x1F, r12=0x802)
    assert results(effects)["r10"] == INVALID, "MSR 0 does not exist"
    effects = call(Guest("tdx"), 1 << 10, r11=0x1F, r12=0x802)
    assert results(effects)["r10"] == INVALID, "subfunction 0 does not exist"


@pytest.mark.parametrize("number", [0, 0x30, 0x10002, 0x777])
def test_what_the_host_does_not_do_is_an_invalid_operand(number: int) -> None:
    effects = call(Guest("tdx"), ALL, r11=number)
    assert results(effects)["r10"] == INVALID
    assert notes(effects).startswith(f"VMCALL {subfunction_name(number)} -> R10 {INVALID:#x}: ")


def test_a_device_in_memory_is_asked_through_the_host() -> None:
    guest = Guest("tdx")
    kept: dict[int, int] = {}

    def read(caller: Caller, offset: int, width: int) -> tuple[int, Effects]:
        return 0x1122_3344_5566_7788, (Note(f"read {offset} {width}"),)

    def write(caller: Caller, offset: int, width: int, value: int) -> Effects:
        kept[offset] = value
        return (Note(f"wrote {offset} {width}"),)

    guest.bus = Devices((Device("test", read, write, windows=(Window(0xFED0_0000, 16),)),))
    shared = 0xFED0_0000 | SHARED
    loaded = call(guest, ALL, r11=0x30, r12=4, r13=0, r14=shared + 4)
    assert results(loaded)["r11"] == 0x5566_7788 and notes(loaded) == "read 4 4"
    stored = call(guest, ALL, r11=0x30, r12=2, r13=1, r14=shared + 8, r15=0x1_2345)
    assert results(stored)["r10"] == 0 and kept == {8: 0x2345}
    for beyond in ({"r14": shared + 14}, {"r12": 3}, {"r13": 2}, {"r14": 0x1000}):
        refused = call(guest, ALL, r11=0x30, **({"r12": 4, "r13": 0, "r14": shared} | beyond))
        assert results(refused)["r10"] == INVALID


def test_cpuid_through_the_host() -> None:
    guest = Guest("tdx")
    guest.cpu = 3
    found = results(call(guest, 0xFC00, r11=0xA, r12=0xB, r13=1))
    assert found == {"rax": 0, "r10": 0, "r12": 9, "r13": 4, "r14": 0x201, "r15": 300}


def test_halting_through_the_host() -> None:
    assert of(Halt, call(Guest("tdx"), RDMSR_MASK, r11=0xC))


def io(guest: Guest, size: int, out: int, port: int, data: int = 0) -> Effects:
    return call(guest, IO_MASK, r11=0x1E, r12=size, r13=out, r14=port, r15=data)


def test_ports_through_the_host() -> None:
    guest = Guest("tdx")
    effects = io(guest, 1, 1, 0x3E8, 0xFFFF_FF41)
    assert of(SerialOut, effects) == [SerialOut(0x3E8, 0x41)]
    assert of(Cost, effects) == [Cost(guest.platform.costs.io_ns)]
    assert results(io(guest, 1, 0, 0x3ED))["r11"] == 0x60
    assert of(PowerOff, io(guest, 2, 1, 0x604, 0x2000))


@pytest.mark.parametrize(
    ("size", "out", "port"), [(3, 0, 0x80), (0, 0, 0x80), (1, 2, 0x80), (2, 0, 0xFFFF)]
)
def test_impossible_port_accesses(size: int, out: int, port: int) -> None:
    assert results(io(Guest("tdx"), size, out, port))["r10"] == INVALID


def test_msrs_through_the_host() -> None:
    guest = Guest("tdx")
    effects = call(guest, WRMSR_MASK, r11=0x20, r12=0x4000_0000, r13=1 << 40)
    assert of(SetMsr, effects) == [SetMsr(None, 0x4000_0000, 1 << 40)]
    assert results(effects) == {"rax": 0, "r10": 0}
    for number, msr in ((0x1F, 0x999), (0x20, 0x4000_0002)):
        refused = call(guest, WRMSR_MASK, r11=number, r12=msr, r13=1)
        assert results(refused)["r10"] == INVALID
    guest.vmm.msrs[1, 0x80F] = 0x1FF
    ipi = call(guest, WRMSR_MASK, r11=0x20, r12=0x830, r13=2 << 32 | 0x31)
    assert of(SendInterrupt, ipi) == [SendInterrupt(1, 0x31, ipi=True)]


def test_the_base_functions_are_all_there() -> None:
    found = results(call(Guest("tdx"), ALL, r11=0x10000))
    assert found == {"rax": 0, "r10": 0, "r11": 0, "r12": 0, "r13": 0, "r14": 0}
    assert results(call(Guest("tdx"), ALL, r11=0x10000, r12=1))["r10"] == INVALID


def test_a_fatal_error_says_why_in_eight_registers() -> None:
    text = b"shim: cannot accept page 0x8000000 because it is private already"
    names = ("r14", "r15", "rbx", "rdi", "rsi", "r8", "r9", "rdx")
    words = dict(zip(names, struct.unpack("<8Q", text.ljust(64, b"\0")), strict=True))
    effects = call(Guest("tdx"), ALL, r11=0x10003, r12=5, **words)
    assert of(Crash, effects) == [Crash(f"CPU 0 reported fatal error 0x5: {text.decode()}")]


def test_a_fatal_error_may_point_to_a_shared_page() -> None:
    guest = Guest("tdx")
    guest.memory.write(RAM, b"too bad\0rest")
    shared = call(guest, ALL, r11=0x10003, r12=1 << 63 | 2, r13=RAM | SHARED)
    assert of(Crash, shared) == [Crash("CPU 0 reported fatal error 0x2: too bad")]
    guest.pages(RAM, 1, "private")
    hidden = call(guest, ALL, r11=0x10003, r12=1 << 63 | 2, r13=RAM)
    assert of(Crash, hidden) == [Crash("CPU 0 reported fatal error 0x2: no message")]


def map_gpa(guest: Guest, start: int, length: int) -> Effects:
    return call(guest, WRMSR_MASK, r11=MAP_GPA, r12=start, r13=length)


def test_memory_is_shared_and_taken_back() -> None:
    guest = Guest("tdx")
    guest.pages(BOUNCE, 512, "private")
    shared = map_gpa(guest, BOUNCE | SHARED, 2 << 20)
    assert of(SetPageState, shared) == [change(BOUNCE, 512, "shared")]
    assert results(shared) == {"rax": 0, "r10": 0, "r11": BOUNCE + (2 << 20) | SHARED}
    guest.pages(BOUNCE, 512, "shared")
    private = map_gpa(guest, BOUNCE, 2 << 20)
    assert of(SetPageState, private) == [change(BOUNCE, 512, "unaccepted")]
    assert results(private)["r10"] == 0


def test_what_is_private_already_keeps_its_bytes() -> None:
    guest = Guest("tdx")
    guest.pages(BOUNCE, 8, "private")
    assert not of(SetPageState, map_gpa(guest, BOUNCE, 8 * PAGE_BYTES))
    guest.pages(BOUNCE + PAGE_BYTES, 2, "shared")
    guest.pages(BOUNCE + 7 * PAGE_BYTES, 1, "shared")
    assert of(SetPageState, map_gpa(guest, BOUNCE, 8 * PAGE_BYTES)) == [
        change(BOUNCE + PAGE_BYTES, 2, "unaccepted"),
        change(BOUNCE + 7 * PAGE_BYTES, 1, "unaccepted"),
    ]


@pytest.mark.parametrize(
    ("start", "length", "status", "r11"),
    [
        (BOUNCE | SHARED | 8, PAGE_BYTES, ALIGN, BOUNCE | SHARED | 8),
        (BOUNCE | SHARED, 100, ALIGN, BOUNCE | SHARED),
        (BOUNCE | SHARED, 0, INVALID, BOUNCE | SHARED),
        (BOUNCE, 0x8000_0010_0000, INVALID, BOUNCE),
        (BOUNCE | 1 << 60, PAGE_BYTES, INVALID, BOUNCE | 1 << 60),
        (BOUNCE | SHARED, 3 * PAGE_BYTES, INVALID, BOUNCE + 2 * PAGE_BYTES | SHARED),
        (BOUNCE - PAGE_BYTES, 2 * PAGE_BYTES, INVALID, BOUNCE - PAGE_BYTES),
    ],
)
def test_a_range_must_be_whole_pages_of_memory(
    start: int, length: int, status: int, r11: int
) -> None:
    guest = Guest("tdx")
    guest.pages(BOUNCE, 2, "private")
    effects = map_gpa(guest, start, length)
    found = results(effects)
    assert (found["r10"], found["r11"]) == (status, r11)
    assert not of(SetPageState, effects)


def test_a_very_long_range_is_mapped_in_parts() -> None:
    guest = Guest("tdx")
    pages = (1 << 16) + 3
    guest.memory.pages |= dict.fromkeys(
        range(BOUNCE, BOUNCE + pages * PAGE_BYTES, PAGE_BYTES), "private"
    )
    effects = map_gpa(guest, BOUNCE | SHARED, pages * PAGE_BYTES)
    after = BOUNCE + (1 << 16) * PAGE_BYTES | SHARED
    assert results(effects) == {"rax": 0, "r10": 1, "r11": after}
    rest = map_gpa(guest, after, 3 * PAGE_BYTES)
    assert results(rest)["r10"] == 0
    assert of(SetPageState, rest) == [change(after & ~SHARED, 3, "shared")]


def hypercall(guest: Guest, address: int, mask: int = HYPERCALL_MASK) -> Effects:
    return call(guest, mask, r10=0x0F, r11=0, rdx=address, r8=address + PAGE_BYTES)


ENABLE_VP_1 = struct.pack("<QIB3s", U64, 1, 2, bytes(3)) + bytes(224)


@pytest.mark.parametrize("bit", [0, SHARED])
def test_a_td_makes_hypercalls_through_shared_memory(bit: int) -> None:
    guest = Guest("tdx")
    guest.memory.write(RAM, ENABLE_VP_1)
    effects = hypercall(guest, RAM | bit)
    assert of(EnableVtl, effects) == [EnableVtl(1, 2)]
    assert results(effects) == {"rax": 0, "r11": 0}
    assert of(Cost, effects) == [Cost(guest.platform.costs.hypercall_ns)]


def test_the_host_cannot_read_a_private_input() -> None:
    guest = Guest("tdx")
    guest.pages(RAM, 1, "private")
    guest.memory.write(RAM, ENABLE_VP_1)
    effects = hypercall(guest, RAM)
    assert results(effects)["r11"] == 0x0D, "ciphertext names some other partition"
    assert not of(EnableVtl, effects)


@pytest.mark.parametrize(
    ("mask", "r11"), [(HYPERCALL_MASK & ~4, 4), (HYPERCALL_MASK & ~(1 << 11), None)]
)
def test_a_hypercall_needs_its_registers_exposed(mask: int, r11: int | None) -> None:
    guest = Guest("tdx")
    guest.memory.write(RAM, ENABLE_VP_1)
    assert results(hypercall(guest, RAM, mask)).get("r11") == r11


def test_without_hyperv_a_vendor_call_is_an_invalid_operand() -> None:
    effects = hypercall(Guest("tdx", hyperv=False), RAM)
    assert results(effects)["r10"] == INVALID


@pytest.mark.parametrize("msr", [0x17A, 0x179, 0x1B, 0xFE, 0x2FF])
def test_msrs_that_linux_asks_the_host_for_are_answered(msr: int) -> None:
    """With those that the host does not know refused (KVM: `tdx_has_emulated_msr`), it must
    know these: without MCG_STATUS Linux panics in a TD that has machine checks."""
    found = results(call(Guest("tdx"), RDMSR_MASK, r11=0x1F, r12=msr))
    assert found["r10"] == 0
    assert (msr != 0x17A) or found["r11"] == 0
