"""INIT and start-up IPIs: what they leave of a CPU's registers and of its APIC, and which of
them are dropped (SDM 3A, 8.4, 9.1 and 11.4.7)."""

from typing import Final

import pytest

from emu.hw.context import OFFSETS
from emu.machine import ipi
from emu.machine.machine import Machine
from emu.vmm import effects as fx
from emu.vmm.state import NMI_PENDING
from tests.guest import X2APIC, Guest, finish, step_to

DIRTY: Final = """
    mov rax, 0x1122334455667788
    movq xmm3, rax
    fld1
    fld1
    fldpi
    mov ecx, 0xc0000081
    mov edx, 0x230010
    xor eax, eax
    wrmsr
    mov ecx, 0x174
    xor edx, edx
    mov eax, 0x10
    wrmsr
    mov ecx, 0x277
    mov edx, 0x00070106
    mov eax, 0x00070406
    wrmsr
    mov ecx, 0xc0000101
    mov edx, 0x1234
    wrmsr
    mov dr0, rax
    mov cr2, rax
    mov rax, cr0
    and eax, 0x9fffffff
    mov cr0, rax
    mov rsi, 77
    std
    stc
"""
"""Everything is another value than at power-up."""
AFTER_INIT: Final = {
    # SDM 3A, table 9-1, column INIT, and its notes; EDX: "family, model and stepping of the
    # processor", which CPUID.1 gives in EAX
    "rflags": 2, "rip": 0xFFF0, "cr2": 0, "cr3": 0, "cr4": 0, "efer": 0,
    "rax": 0, "rbx": 0, "rcx": 0, "rsi": 0, "rdi": 0, "rbp": 0, "rsp": 0, "r8": 0, "r15": 0,
    "dr0": 0, "dr1": 0, "dr2": 0, "dr3": 0, "dr6": 0xFFFF_0FF0, "dr7": 0x400,
}  # fmt: skip
FIRST, LAST = OFFSETS["mxcsr"], OFFSETS["xmm15"] + 16
UNCHANGED: Final = ("star", "sysenter_esp", "pat", "lstar", "fmask", "kernel_gs_base")
"""The same table: MSRs, and (below) x87, SSE and MXCSR."""
SEGMENTS: Final = {
    "cs": (0xF000, 0xFFFF_0000, 0xFFFF, 0x93), "ss": (0, 0, 0xFFFF, 0x93),
    "ds": (0, 0, 0xFFFF, 0x93), "fs": (0, 0, 0xFFFF, 0x93), "gs": (0, 0, 0xFFFF, 0x93),
    "gdtr": (0, 0, 0xFFFF, 0), "idtr": (0, 0, 0xFFFF, 0),
}  # fmt: skip
"""Selector, base, limit; present, read and write, accessed."""


def dirty(cpus: int = 2) -> Machine:
    """A machine whose last CPU has changed all that it can."""
    machine = Guest(f"cpu0: jmp cpu0\nstart: {DIRTY}\nhere: nop\n jmp here", cpus).machine()
    step_to(machine, cpus - 1, "here")
    return machine


@pytest.mark.parametrize("caching", [0, 0x6000_0000])
def test_init_leaves_registers_as_the_manual_s_table_says(caching: int) -> None:
    machine = dirty()
    one, two = machine.board.cpus
    two.registers.put("cr0", two.registers.get("cr0") | caching)
    before = {name: two.registers.get(name) for name in UNCHANGED}
    floating, vectors = two.registers.x87(), two.registers.save()[FIRST:LAST]
    assert before["star"] == 0x230010 << 32 and before["pat"] == 0x0007_0106_0007_0406
    ipi.init(machine, one, two)
    found = two.registers
    assert {name: found.get(name) for name in AFTER_INIT} == AFTER_INIT
    assert found.get("rdx") == 0x806F8 and found.get("cr0") == caching | 0x10
    assert {name: found.get(name) for name in UNCHANGED} == before
    assert found.x87() == floating and found.save()[FIRST:LAST] == vectors
    for name, (selector, base, limit, attributes) in SEGMENTS.items():
        segment = found.segment(name)
        assert (segment.selector, segment.base, segment.limit) == (selector, base, limit), name
        # CS is executable in the emulator's words; both read and write and are accessed
        assert segment.attributes & ~8 == attributes, name


def test_init_resets_the_apic_but_for_its_id_and_mode() -> None:
    """11.4.7.3: the state is that of power-up, the APIC id is kept; x2APIC mode is, too."""
    machine = dirty()
    one, two = machine.board.cpus
    vmm = machine.board.vmm
    kept = {(1, 0x1B): 0xFEE0_0C00, (1, 0x3B): 5, (1, 0xC000_0103): 9}
    vmm.msrs.update(kept)
    vmm.msrs.update(
        {(1, 0x808): 0x40, (1, 0x80F): 0x1FF, (1, 0x832): 0x41, (1, 0x838): 5, (1, 0x830): 1}
    )
    vmm.timers[1] = fx.ApicTimer(10**9, 8)
    vmm.vps[1].pending, vmm.vps[1].in_service = 1 << 0x41 | NMI_PENDING, 1 << 0x55
    two.registers.block_nmi()
    ipi.init(machine, one, two)
    assert (two.activity, vmm.vps[1].wait_for_sipi) == ("wait-for-sipi", True)
    assert (vmm.vps[1].pending, vmm.vps[1].in_service, vmm.timers) == (0, 0, {})
    assert {key: value for key, value in vmm.msrs.items() if key[0] == 1} == kept
    assert not two.registers.nmi_blocked


def test_init_takes_kvm_s_clock_away() -> None:
    """arch/x86/kvm/x86.c: kvm_vcpu_reset calls kvmclock_reset for INIT as for RESET."""
    machine = dirty()
    one, two = machine.board.cpus
    machine.board.vmm.msrs[1, 0x4B56_4D01] = 0x5001
    machine.board.vmm.msrs[0, 0x4B56_4D01] = 0x4001
    ipi.init(machine, one, two)
    assert (1, 0x4B56_4D01) not in machine.board.vmm.msrs
    assert machine.board.vmm.msrs[0, 0x4B56_4D01] == 0x4001


def test_a_sipi_sets_nothing_but_cs_and_ip() -> None:
    """8.4.3 and 10.4.4.1: CS:IP = vector << 8 : 0."""
    machine = dirty()
    one, two = machine.board.cpus
    ipi.init(machine, one, two)
    ipi.sipi(machine, one, two, 0x9A)
    found = two.registers
    cs = found.segment("cs")
    assert (cs.selector, cs.base, found.rip) == (0x9A00, 0x9A000, 0)
    assert (found.get("cr0"), found.get("rdx"), found.get("star")) == (
        0x10, 0x806F8, 0x230010 << 32,
    )  # fmt: skip


def test_init_restarts_the_boot_processor_at_its_reset_vector() -> None:
    """8.4.2: with IA32_APIC_BASE.BSP set a CPU does not wait for a SIPI."""
    machine = dirty()
    one, two = machine.board.cpus
    two.clock_ps = one.clock_ps + 5_000_000
    ipi.init(machine, two, one)
    assert (one.activity, one.registers.linear_rip) == ("running", 0xFFFF_FFF0)
    assert one.clock_ps == two.clock_ps and one.registers.mode == "real"


def test_an_init_to_itself_begins_at_the_first_instruction_of_the_reset_vector() -> None:
    source = f"start: {X2APIC} mov ecx, 0x830\n xor edx, edx\n mov eax, 0x4500\n wrmsr\n hlt"
    board = finish(Guest(source).driver())
    assert board.crash.endswith("fetching GPA 0xfffffff0, where there is no memory")


DROPPED: Final = [
    ("off", False, "cpu 1 has had no INIT"),
    ("running", True, "cpu 1 is not waiting for one"),
]


@pytest.mark.parametrize(("activity", "started", "why"), DROPPED)
def test_a_sipi_to_a_cpu_that_does_not_wait_for_it_is_dropped_and_said(
    activity: str, started: bool, why: str
) -> None:
    machine = Guest("start: jmp start", 2).machine()
    one, two = machine.board.cpus
    machine.board.vmm.vps[1].started = started
    machine.board.turn(two, activity)  # type: ignore[arg-type]
    before = two.save()
    ipi.sipi(machine, one, two, 8)
    assert two.save() == before
    (told,) = machine.board.logs.events
    assert (told.cpu, told.text) == (1, f"SIPI 0x8 from cpu 0 is dropped: {why}")


def test_a_sipi_into_the_range_without_memory_is_said_to_be() -> None:
    """MP specification 1.4, B.4.2: vectors A0h to BFh are reserved."""
    machine = dirty()
    one, two = machine.board.cpus
    for vector, odd in ((0x9F, False), (0xA0, True), (0xBF, True), (0xC0, False)):
        ipi.init(machine, one, two)
        ipi.sipi(machine, one, two, vector)
        said = machine.board.logs.events[-1].text
        assert said.endswith(", where no memory may be") == odd, vector
