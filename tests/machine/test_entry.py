"""A CPU begins in the state that the manuals give, whoever starts it."""

from typing import Any

import pytest
from msgspec.structs import replace

from emu.boot.entry import EntryState
from emu.hw.vmcb import GuestState
from emu.machine import apply, entry
from emu.machine.machine import Machine
from emu.vmm.cpuid import read_cpuid
from emu.vmm.effects import Segment, TableRegister, VpContext
from tests.guest import CODE, Guest, label
from tests.vmm.builder import Guest as Caller

SOURCE = "start: hlt\nother: nop\n hlt"
FLAT = Segment(0x18, 0, 0xFFFF_FFFF, 0xC093)
CONTEXT = VpContext(
    rip=0, rsp=0x7000, rflags=2, cs=Segment(0x10, 0, 0xFFFF_FFFF, 0xA09B), ds=FLAT, es=FLAT,
    fs=Segment(0x18, 0x1234_0000, 0xFFFF_FFFF, 0xC093), gs=FLAT, ss=FLAT,
    tr=Segment(0, 0, 0xFFFF, 0x8B), ldtr=Segment(0, 0, 0xFFFF, 0x82),
    idtr=TableRegister(0x5000, 0xFFF), gdtr=TableRegister(0x6000, 31), efer=0x500,
    cr0=0x8001_0033, cr3=0, cr4=0x220, pat=0x0007_0406_0007_0406,
)  # fmt: skip


def begun(state: GuestState) -> Machine:
    """A machine whose CPU 1 begins like this."""
    machine = Guest(SOURCE, 2).machine()
    machine.board.start(machine.board.cpus[1], state)
    return machine


def test_after_a_reset_a_cpu_is_in_real_mode_at_the_reset_vector() -> None:
    registers = begun(entry.after_init(entry.CR0_AFTER_RESET)).board.cpus[1].registers
    assert registers.mode == "real" and registers.linear_rip == 0xFFFF_FFF0
    assert registers.get("cr0") == 0x6000_0010


@pytest.mark.parametrize("vector", [0x08, 0x9F, 0xFF])
def test_a_sipi_names_a_page_below_a_megabyte(vector: int) -> None:
    cs = entry.code_after_sipi(vector)
    assert (cs.selector, cs.base, cs.limit) == (vector << 8, vector << 12, 0xFFFF)


TD_BEGINS = {
    "rip": 0xFFFF_FFF0, "rflags": 2, "cr0": 0x31, "cr3": 0, "cr4": 0x40, "efer": 0x901,
    "pat": 0x0007_0406_0007_0406, "dr7": 0x400, "dr6": 0xFFFF_0FF0, "rax": 0, "rsp": 0,
    "rbp": 0, "rdi": 0, **{f"r{number}": 0 for number in range(9, 16)},
}  # fmt: skip
"""intel/tdx-module, `td_vmcs_migrated_state_init_map`, `td_vmcs_non_migrated_state_init_map`
(CR4 without VMXE, which its read shadow hides; CR0 with ET, which no CPU clears) and, of
registers, `tdh_vp_init`."""
TD_SEGMENTS = {
    "cs": (0xFFFF_FFFF, 0xC9B), "ldtr": (0xFFFF, 0x082), "tr": (0xFFFF, 0x08B),
    "gdtr": (0xFFFF, 0), **dict.fromkeys(("ds", "es", "fs", "gs", "ss"), (0xFFFF_FFFF, 0xC93)),
}  # fmt: skip
"""The same: limit, and attributes without the bits between; selectors and bases are 0."""


@pytest.mark.parametrize(("vp", "operand"), [(0, 0), (3, 0x1234_5678_9ABC_DEF0)])
def test_a_td_s_cpu_begins_as_the_module_has_it(vp: int, operand: int) -> None:
    registers = begun(entry.reset_vector(vp, operand, 52)).board.cpus[1].registers
    assert {name: registers.get(name) for name in TD_BEGINS} == TD_BEGINS
    for name, (limit, attributes) in TD_SEGMENTS.items():
        segment = registers.segment(name)
        assert (segment.selector, segment.base) == (0, 0), name
        assert (segment.limit, segment.attributes & 0xF8F | segment.attributes & 0x70) == (
            limit, attributes
        ), name  # fmt: skip
    assert registers.mode == "protected" and registers.linear_rip == 0xFFFF_FFF0
    signature = read_cpuid(Caller("tdx").caller(), 1, 0)[0]
    found = [registers.get(name) for name in ("rbx", "rsi", "rcx", "r8", "rdx")]
    assert found == [52, vp, operand, operand, signature]


def test_every_cpu_of_a_td_is_given_what_its_platform_says() -> None:
    """The boot processor by the loader, an AP by StartVirtualProcessor."""
    setup = Guest("start: hlt", 2, "tdx").setup()
    machine = replace(setup, platform=replace(setup.platform, vp_init=0x55)).machine()
    apply.start_vp(machine, machine.board.cpus[0], 1, None)
    assert machine.board.cpus[1].registers.get("r8") == 0x55
    begins = EntryState(**{**_fields(setup.layout().entry), "kind": "reset-vector"})
    assert dict(entry.from_loader(begins, 0x55).registers)["rcx"] == 0x55


def test_no_cpu_begins_at_an_address_that_is_none() -> None:
    """SDM 1, 3.3.7.1: a linear address repeats its bit 47. An ELF file's entry may be any."""
    begins = _fields(Guest("start: hlt").setup().layout().entry)
    for rip, words in ((1 << 47, "RIP 0x800000000000 is not canonical"), (CODE, None)):
        assert entry.why_not(EntryState(**{**begins, "rip": rip})) == words


def _fields(entry_state: EntryState) -> dict[str, Any]:
    return {name: getattr(entry_state, name) for name in EntryState.__struct_fields__}


def test_a_context_is_taken_over_whole_and_runs() -> None:
    one = Guest(SOURCE, 2).machine()
    cr3 = one.board.cpus[0].registers.get("cr3")
    given = {name: getattr(CONTEXT, name) for name in VpContext.__struct_fields__}
    given |= {"rip": label(one.board, "other"), "cr3": cr3}
    machine = begun(entry.from_context(VpContext(**given)))
    cpu = machine.board.cpus[1]
    registers = cpu.registers
    for name in ("rip", "rsp", "rflags", "cr0", "cr3", "cr4"):
        assert registers.get(name) == given[name], name
    assert registers.get("efer") & 0x500 == 0x500 and registers.mode == "long"
    assert registers.segment("cs").attributes == 0xA9B
    assert (registers.segment("idtr").base, registers.segment("gdtr").limit) == (0x5000, 31)
    machine.steps(cpu)
    assert registers.rip == given["rip"] + 1


@pytest.mark.parametrize("name", ["fs", "gs", "tr", "ldtr"])
def test_segments_that_vmrun_does_not_load_are_those_of_the_context(name: str) -> None:
    state = entry.from_context(CONTEXT)
    registers = begun(state).board.cpus[1].registers
    assert registers.segment(name) == dict(state.segments)[name]


@pytest.mark.parametrize("level", [0, 3])
def test_the_level_of_a_context_is_its_stack_s(level: int) -> None:
    given = {name: getattr(CONTEXT, name) for name in VpContext.__struct_fields__}
    given["ss"] = Segment(0x18, 0, 0xFFFF_FFFF, 0xC093 | level << 5)
    assert entry.from_context(VpContext(**given)).cpl == level


def test_a_loader_s_cpu_has_what_the_loader_gave_it() -> None:
    given = replace(Guest(SOURCE).setup().layout().entry, rsi=0x1234)
    state = entry.from_loader(given)
    registers = begun(state).board.cpus[1].registers
    assert (state.rip, state.rsp, registers.mode) == (CODE, given.rsp, "long")
    assert (registers.get("rsi"), registers.get("rdi")) == (0x1234, given.rdi)
    idt = registers.segment("idtr")
    assert (idt.base, idt.limit) == (given.idt_base, given.idt_limit)


def test_a_loader_may_begin_in_protected_mode_with_registers_of_its_own() -> None:
    """SDM 3, 9.8.1 and 3.4.5: PE without PG, a code segment of 32 bits over all 4 GiB."""
    given = Guest("start: hlt").setup().layout().entry
    begins = replace(
        given, kind="protected", cr0=0x21, cr3=0, cr4=0, efer=0, rip=CODE,
        registers=(("rax", 7), ("rbx", 8)),
    )  # fmt: skip
    registers = begun(entry.from_loader(begins)).board.cpus[1].registers
    assert registers.mode == "protected" and registers.segment("cs").attributes == 0xC9B
    assert (registers.get("rax"), registers.get("rbx")) == (7, 8)


def test_a_loader_may_begin_as_a_start_up_ipi_does() -> None:
    """SDM 3, 8.4.4: vector 0x12 starts at CS 0x1200, base 0x12000, IP 0."""
    given = Guest("start: hlt").setup().layout().entry
    begins = replace(given, kind="real", rip=0x12000, rsi=9, registers=(("rbx", 8),))
    registers = begun(entry.from_loader(begins)).board.cpus[1].registers
    code = registers.segment("cs")
    assert (code.selector, code.base, registers.get("rip")) == (0x1200, 0x12000, 0)
    assert registers.mode == "real"
    assert (registers.get("rbx"), registers.get("rsi")) == (8, 9)
