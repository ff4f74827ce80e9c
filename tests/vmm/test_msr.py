"""RDMSR and WRMSR: what each register reads, takes and does, and which accesses fault."""

import pytest

from emu.hw.address import U64, Gpa
from emu.vmm.cpuid import read_cpuid
from emu.vmm.effects import (
    Complete,
    Crash,
    Effects,
    Halt,
    OverlayHypercallPage,
    RaiseException,
    ResetApic,
    SetMsr,
    SetRegisters,
)
from emu.vmm.msr import MSRS, NATIVE, msr_name, rdmsr, read_msr, write_msr, wrmsr
from emu.vmm.msrs import crash
from tests.vmm.builder import RAM, Guest, of

OS_ID, HYPERCALL, RESET = 0x4000_0000, 0x4000_0001, 0x4000_0003
APIC_BASE = 0x1B
X2APIC_ON = 0xFEE0_0C00
GP = 13


def faults(effects: Effects | None) -> bool:
    return effects is None


def stored(effects: Effects | None) -> dict[tuple[int | None, int], int]:
    assert effects is not None
    return {(effect.cpu, effect.msr): effect.value for effect in of(SetMsr, effects)}


def test_a_value_goes_to_edx_and_eax() -> None:
    guest = Guest()
    guest.vmm.msrs[None, OS_ID] = 0x1122_3344_5566_7788
    assert rdmsr(guest.caller(), OS_ID) == (
        SetRegisters((("rax", 0x5566_7788), ("rdx", 0x1122_3344))),
        Complete(),
    )


def test_an_unknown_msr_is_a_general_protection_fault() -> None:
    caller = Guest().caller()
    assert rdmsr(caller, 0x1234) == (RaiseException(GP, 0, "RDMSR of unknown MSR 0x1234"),)
    assert wrmsr(caller, 0x1234, 0) == (RaiseException(GP, 0, "WRMSR of unknown MSR 0x1234"),)


def test_a_write_completes_or_says_what_is_wrong() -> None:
    caller = Guest().caller()
    assert wrmsr(caller, 0x4000_0080, 1) == (SetMsr(0, 0x4000_0080, 1), Complete())
    text = "WRMSR of HV_VP_INDEX (0x40000002) is not allowed now"
    assert wrmsr(caller, 0x4000_0002, 1) == (RaiseException(GP, 0, text),)


@pytest.mark.parametrize("msr", [0x4000_0070, 0x4000_0071, 0x4000_0072])
def test_the_apic_is_not_offered_by_synthetic_msrs(msr: int) -> None:
    """TLFS, partition privileges: EOI, ICR and TPR need AccessIntrCtrlRegs."""
    caller = Guest().caller()
    assert not read_cpuid(caller, 0x4000_0003, 0)[0] & 1 << 4
    assert read_msr(caller, msr) is None and faults(write_msr(caller, msr, 0))


def test_hyperv_msrs_need_hyperv() -> None:
    guest = Guest(hyperv=False)
    assert read_msr(guest.caller(), OS_ID) is None
    assert faults(write_msr(guest.caller(), OS_ID, 1))
    assert read_msr(guest.caller(), APIC_BASE) is not None


@pytest.mark.parametrize(
    ("msr", "value"),
    [
        (0x10, 2_000_000),
        (0x17, 0),
        (0x3A, 1),
        (0x3B, 0),
        (0xFE, 0x400),
        (0x179, 0),
        (0x1A0, 1),
        (0x2FF, 0x806),
        (APIC_BASE, 0xFEE0_0900),
        (0x4000_0002, 0),
        (0x4000_0010, 10_000),
        (0x4000_0020, 10_000),
        (0x4000_0022, 2_000_000_000),
        (0x4000_0023, 200_000_000),
        (0x4000_0081, 1),
        (0x4000_0090, 0x1_0000),
        (0x4000_009F, 0x1_0000),
        (0x4000_0105, 0xC000_0000_0000_0000),
    ],
)
def test_registers_read_as_specified(msr: int, value: int) -> None:
    guest = Guest()
    guest.nanoseconds = 1_000_000
    assert read_msr(guest.caller(), msr) == value


def test_the_hypercall_page_appears_and_goes() -> None:
    guest = Guest()
    on = RAM | 1
    assert write_msr(guest.caller(), HYPERCALL, on) == (SetMsr(None, HYPERCALL, RAM),)
    guest.vmm.msrs[None, OS_ID] = 1 << 40
    assert write_msr(guest.caller(), HYPERCALL, on) == (
        SetMsr(None, HYPERCALL, on),
        OverlayHypercallPage(Gpa(RAM)),
    )
    guest.vmm.msrs[None, HYPERCALL] = on
    off = (SetMsr(None, HYPERCALL, RAM), OverlayHypercallPage(None))
    assert write_msr(guest.caller(), HYPERCALL, RAM) == off
    assert write_msr(guest.caller(), OS_ID, 0) == (SetMsr(None, OS_ID, 0), *off)


def test_the_hypercall_page_needs_memory_and_no_lock() -> None:
    guest = Guest()
    guest.vmm.msrs[None, OS_ID] = 1
    assert faults(write_msr(guest.caller(), HYPERCALL, 0x7000_0001))
    guest.vmm.msrs[None, HYPERCALL] = 2
    assert faults(write_msr(guest.caller(), HYPERCALL, RAM | 1))


def test_the_host_cannot_overlay_a_page_of_a_td() -> None:
    guest = Guest("tdx")
    guest.vmm.msrs[None, OS_ID] = 1
    assert faults(write_msr(guest.caller(), HYPERCALL, RAM | 1))


def test_a_reset_ends_the_run() -> None:
    caller = Guest().caller()
    assert write_msr(caller, RESET, 1) == (Crash("CPU 0 asked for a reset by MSR 0x40000003"),)
    assert write_msr(caller, RESET, 0) == ()
    assert faults(write_msr(caller, RESET, 2))


def test_reading_guest_idle_puts_the_cpu_to_sleep() -> None:
    assert of(Halt, rdmsr(Guest().caller(), 0x4000_00F0))


@pytest.mark.parametrize(
    ("msr", "value"),
    [
        (0x3A, 1),
        (0xFE, 0),
        (0x2FF, 0x802),
        (0x2FF, 0x1006),
        (0x1A0, 1 << 63),
        (0x4000_0002, 0),
        (0x4000_0020, 0),
        (0x4000_0073, 0x2),
        (0x4000_0080, 2),
        (0x4000_0081, 0),
    ],
)
def test_read_only_and_reserved_bits_fault(msr: int, value: int) -> None:
    assert faults(write_msr(Guest().caller(), msr, value))


def test_writing_the_tsc_moves_its_offset() -> None:
    guest = Guest()
    guest.nanoseconds = 1_000
    effects = write_msr(guest.caller(), 0x10, 0)
    assert stored(effects) == {(0, 0x3B): -2_000 & U64}
    guest.vmm.msrs.update(stored(effects))
    assert read_msr(guest.caller(), 0x10) == 0
    guest.nanoseconds = 2_000
    assert read_msr(guest.caller(), 0x10) == 2_000


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        (0xFEE0_0800, X2APIC_ON, True),
        (X2APIC_ON, 0xFEE0_0000, True),
        (0xFEE0_0000, 0xFEE0_0800, True),
        (X2APIC_ON, X2APIC_ON, True),
        (X2APIC_ON, 0xFEE0_0800, False),
        (0xFEE0_0000, X2APIC_ON, False),
        (0xFEE0_0800, 0xFEE0_0400, False),
        (0xFEE0_0800, 0xFEE0_0A00, False),
        (0xFEE0_0800, 1 << 50 | 0x800, False),
    ],
)
def test_apic_modes_change_as_the_manual_draws_them(
    before: int, after: int, allowed: bool
) -> None:
    guest = Guest()
    guest.cpu = 1
    guest.vmm.msrs[1, APIC_BASE] = before
    effects = write_msr(guest.caller(), APIC_BASE, after)
    off = (ResetApic(1),) if not after & 0x800 else ()
    assert effects == ((SetMsr(1, APIC_BASE, after), *off) if allowed else None)


def test_only_the_first_cpu_is_the_boot_processor() -> None:
    guest = Guest()
    assert stored(write_msr(guest.caller(), APIC_BASE, X2APIC_ON)) == {
        (0, APIC_BASE): X2APIC_ON | 0x100
    }
    guest.cpu = 1
    assert read_msr(guest.caller(), APIC_BASE) == 0xFEE0_0800
    assert stored(write_msr(guest.caller(), APIC_BASE, X2APIC_ON | 0x100)) == {
        (1, APIC_BASE): X2APIC_ON
    }


@pytest.mark.parametrize("msr", [0x802, 0x803, 0x808, 0x80B, 0x830, 0x83F])
def test_x2apic_registers_exist_in_x2apic_mode_only(msr: int) -> None:
    guest = Guest()
    assert read_msr(guest.caller(), msr) is None
    assert faults(write_msr(guest.caller(), msr, 0))


def x2apic(cpu: int = 3) -> Guest:
    guest = Guest()
    guest.cpu = cpu
    guest.vmm.msrs[cpu, APIC_BASE] = X2APIC_ON
    return guest


@pytest.mark.parametrize(
    ("msr", "value"),
    [
        (0x802, 300),
        (0x803, 0x0005_0014),
        (0x80D, 18 << 16 | 1 << 12),
        (0x80F, 0xFF),
        (0x810, 0),
        (0x832, 0x1_0000),
        (0x80B, None),
        (0x83F, None),
        (0x805, None),
    ],
)
def test_x2apic_registers_read_as_specified(msr: int, value: int | None) -> None:
    assert read_msr(x2apic().caller(), msr) == value


def test_waiting_interrupts_show_in_the_request_words() -> None:
    guest = x2apic()
    guest.vmm.vps[3].pending = 1 << 0x31 | 1 << 256 | 1 << 0xEF
    words = [read_msr(guest.caller(), msr) for msr in range(0x820, 0x828)]
    assert words == [0, 1 << 17, 0, 0, 0, 0, 0, 1 << 15]


@pytest.mark.parametrize(
    ("msr", "value", "allowed"),
    [
        (0x80B, 0, True),
        (0x80B, 1, False),
        (0x80F, 0x1FF, True),
        (0x80F, 0x200, False),
        (0x802, 0, False),
        (0x808, 0x100, False),
        (0x828, 0, True),
        (0x830, 1 << 20, False),
        (0x838, 1 << 32, False),
        (0x83F, 0x140, False),
    ],
)
def test_x2apic_writes_are_checked(msr: int, value: int, allowed: bool) -> None:
    assert faults(write_msr(x2apic().caller(), msr, value)) != allowed


def report(guest: Guest, control: int) -> str:
    (crashed,) = of(Crash, write_msr(guest.caller(), crash.CONTROL, control) or ())
    return crashed.reason


def test_a_crash_carries_the_guests_words() -> None:
    guest = Guest()
    guest.memory.write(RAM, b"panicked at\tmain.rs:1\n")
    parameters = (0x4D49_4853_544F_4F42, 5, U64, RAM, 22)
    guest.vmm.msrs = {(None, crash.P0 + n): value for n, value in enumerate(parameters)}
    assert report(guest, 0xF4 << 56) == (
        "CPU 0 reported a crash (0x4d494853544f4f42, 0x5, 0xffffffffffffffff): "
        "panicked at main.rs:1"
    )
    assert report(guest, 0xB4 << 56).endswith(": no message")
    assert not of(Crash, write_msr(guest.caller(), crash.CONTROL, 1) or ())


def test_of_a_log_with_a_panic_the_sentence_is_told() -> None:
    guest = Guest()
    log = (
        b"<6>[ 0.2] io scheduler\n<0>[ 0.3] Kernel panic - not syncing: No init!\n<4> Trace:\n"
    )
    guest.memory.write(RAM, log)
    for index, value in enumerate((0, 0, 0, RAM, len(log))):
        guest.vmm.msrs[None, crash.P0 + index] = value
    said = report(guest, 0xC0 << 56)
    assert (
        said == "CPU 0 reported a crash (0x0, 0x0, 0x0): Kernel panic - not syncing: No init!"
    )


@pytest.mark.parametrize(
    ("gpa", "count", "data"),
    [(RAM, 0, b"x"), (RAM, 4097, b"x"), (0x7000_0000, 4, b""), (RAM, 2, b"\xff\xfe")],
)
def test_a_message_that_is_no_text_is_left_out(gpa: int, count: int, data: bytes) -> None:
    guest = Guest()
    if data:
        guest.memory.write(gpa, data)
    guest.vmm.msrs = {(None, crash.P0 + 3): gpa, (None, crash.P0 + 4): count}
    assert report(guest, 0xC0 << 56).endswith(": no message")


def test_the_table_has_each_register_once_and_no_native_one() -> None:
    numbers = [entry.number + n for entry in MSRS for n in range(entry.count)]
    assert len(numbers) == len(set(numbers))
    assert not NATIVE & set(numbers)


def test_registers_have_names() -> None:
    names = [msr_name(number) for number in (0x830, 0x4000_0103, 0x999)]
    assert names == ["X2APIC_ICR (0x830)", "HV_GUEST_CRASH_P3 (0x40000103)", "0x999"]


@pytest.mark.parametrize(("isolation", "value"), [("none", 0x806), ("vbs", 0x806), ("tdx", 0)])
def test_memory_types_are_as_firmware_or_power_up_leaves_them(
    isolation: str, value: int
) -> None:
    """SDM 3, 11.11.2.1: E and the type are clear at power-up; no TD can set CR0.CD, and so
    none sets them."""
    assert read_msr(Guest(isolation).caller(), 0x2FF) == value
