"""A row of the log of exits has every operand by name and value, the status by name, what came
back, and of a refusal the field and its value."""

import struct
from typing import Any

import pytest

from emu.vmm import asked as ask
from emu.vmm.cpuid import HYPERV_LEAVES, LEAVES, TDX_LEAVES, cpuid
from emu.vmm.devices import STANDARD
from emu.vmm.effects import Effects
from emu.vmm.exit_words import exit_words
from emu.vmm.hypercalls import HYPERCALLS, vmcall
from emu.vmm.msr import MSRS, rdmsr, wrmsr
from emu.vmm.state import Caller
from emu.vmm.tdx import tdcall
from emu.vmm.tdx.dispatch import LEAVES as TDCALLS
from emu.vmm.tdx.vmcall import SUBFUNCTIONS
from tests.vmm.builder import RAM, Guest, context

SELF = (1 << 64) - 1

HYPERCALL_INPUTS: dict[int, tuple[bytes, int, tuple[str, ...]]] = {
    0x08: (struct.pack("<Q", 77), 0, ("spins=0x4d",)),
    0x0C: (struct.pack("<QIIQQ", SELF, 3, 0, 0x8000, 0x8001), 2,
           ("partition=self", "flags=3", "vtl=0", "pages=0x8000,0x8001")),
    0x0D: (struct.pack("<QBB6x", SELF, 2, 1), 0, ("partition=self", "vtl=2", "flags=1")),
    0x0F: (struct.pack("<QIB3x", SELF, 1, 2) + context(), 0,
           ("partition=self", "vp=1", "vtl=2", "rip 0x8001000", "cr3 0x8005000")),
    0x50: (struct.pack("<QIB3xI", SELF, 0xFFFF_FFFE, 0, 0x9_0003), 1,
           ("partition=self", "vp=self", "vtl=0", "registers=VpIndex (0x90003)")),
    0x51: (struct.pack("<QIB3xI12xQ8x", SELF, 1, 0, 0xD_0007, 1), 1,
           ("partition=self", "vp=1", "vtl=0", "values=VsmPartitionConfig (0xd0007):0x1")),
    0x99: (struct.pack("<QIB3x", SELF, 3, 2) + context(), 0,
           ("partition=self", "vp=3", "vtl=2", "rip 0x8001000", "cs 0x10:0xa09b")),
    0x9A: (struct.pack("<QB7xI", SELF, 0, 300), 1,
           ("partition=self", "vtl=0", "ids=0x12c")),
    0xD9: (struct.pack("<QIIQ", SELF, 1, 7, 0x8123), 5,
           ("partition=self", "attributes=1", "permissions=7", "page=0x8123", "count=5")),
    0xDB: (struct.pack("<QIIQ", SELF, 3, 0, 0x8000), 1,
           ("partition=self", "visibility=3", "pages=0x8000")),
}  # fmt: skip
"""Code -> an input list, its elements, and its fields: TLFS, the page of each hypercall."""

TDCALL_OPERANDS: dict[int, tuple[str, ...]] = {
    0: ("rcx",), 1: (), 3: (), 5: ("rcx",), 6: ("rcx",), 7: ("rcx", "rdx"),
    8: ("rdx", "r8", "r9"), 11: ("rdx",), 23: ("rcx",), 24: ("rcx", "rdx"), 30: ("rcx",),
}  # fmt: skip
"""Leaf -> the registers that carry operands (TDX module ABI, TDG.*: input operands)."""

SUBFUNCTION_OPERANDS: dict[int, tuple[str, ...]] = {
    0xA: ("r12", "r13"), 0xC: ("r12",), 0x1E: ("r12", "r13", "r14", "r15"), 0x1F: ("r12",),
    0x20: ("r12", "r13"), 0x30: ("r12", "r13", "r14", "r15"), 0x1_0000: ("r12",),
    0x1_0001: ("r12", "r13"), 0x1_0003: ("r12", "r13"), 0x1_0004: ("r12",),
}  # fmt: skip
"""Subfunction -> the registers that carry operands (GHCI 1.5, section 3)."""


def hypercall(guest: Guest, code: int, data: bytes, count: int, target: int = 0) -> str:
    """The row of one hypercall from a list in memory."""
    guest.memory.write(RAM, data)
    control = code | count << 32
    guest.vmm.msrs |= {(None, 0x4000_0000): 1, (None, 0x4000_0001): 1}
    effects = vmcall(guest.caller(rcx=control, rdx=RAM, r8=target))
    return exit_words(ask.Vmcall(3, control, "vmcall", RAM, target), effects)


def call(guest: Guest, leaf: int, r10: int = 0, r11: int = 0, **registers: int) -> str:
    """The row of one TDCALL."""
    effects = tdcall(guest.caller(rax=leaf, r10=r10, r11=r11, **registers))
    operands = tuple(registers.get(name, 0) for name in ask.OPERANDS)
    return exit_words(ask.Tdcall(4, leaf, r10, r11, operands), effects)


@pytest.mark.parametrize("code", [one.code for one in HYPERCALLS], ids=hex)
def test_every_hypercall_has_its_operands_and_its_status(code: int) -> None:
    data, count, operands = HYPERCALL_INPUTS[code]
    text = hypercall(Guest("vbs"), code, data, count, RAM + 0x1000)
    name = next(one.name for one in HYPERCALLS if one.code == code)
    assert text.startswith(f"hypercall {name} ")
    given, _, came = text.partition(" -> ")
    assert [one for one in operands if one not in given] == []
    assert came.split(",")[0].split()[0].isupper(), text


@pytest.mark.parametrize("code", [one.code for one in HYPERCALLS if one.code != 8], ids=hex)
def test_a_refused_hypercall_says_which_field_has_which_value(code: int) -> None:
    data, count, _ = HYPERCALL_INPUTS[code]
    text = hypercall(Guest("vbs"), code, struct.pack("<Q", 5) + data[8:], count, RAM + 0x1000)
    assert "partition=5" in text
    assert "-> INVALID_PARTITION_ID (0xd)" in text
    assert "(partition 0x5 is not this one)" in text


def test_the_context_that_a_host_dislikes_is_named() -> None:
    """openvmm #4467, #724."""
    data = struct.pack("<QIB3x", SELF, 1, 2) + context(cs=0xE09B)
    text = hypercall(Guest("vbs"), 0x0F, data, 0)
    assert "vp=1" in text
    assert "cs 0x10:0xe09b" in text
    assert text.endswith("-> INVALID_REGISTER_VALUE (0x50) (VP 1: CS.L and CS.D are both set)")


def test_a_call_whose_input_nobody_reads_shows_the_words_that_it_came_in() -> None:
    guest = Guest("vbs")
    for code, at in ((0x99, 0x4000_0000_0000), (0x1234, RAM)):
        control = code
        guest.vmm.msrs |= {(None, 0x4000_0000): 1, (None, 0x4000_0001): 1}
        effects = vmcall(guest.caller(rcx=control, rdx=at, r8=0))
        text = exit_words(ask.Vmcall(3, control, "vmcall", at, 0), effects)
        assert f"control={code:#x} input={at:#x} output=0x0 -> INVALID_" in text


@pytest.mark.parametrize("leaf", [one.number for one in TDCALLS])
def test_every_tdcall_leaf_has_its_operands_and_its_status(leaf: int) -> None:
    values = {name: 0x5A5_0000 + 0x1000 * place for place, name in enumerate(ask.OPERANDS)}
    registers = {name: values[name] for name in TDCALL_OPERANDS[leaf]}
    text = call(Guest("tdx", page_release=True), leaf, r10=1 if leaf else 0, **registers)
    given, _, came = text.partition(" -> ")
    missing = [name for name, value in registers.items() if f"{value:#x}" not in given]
    assert missing == [], text
    assert came, text


def test_a_page_is_told_with_its_level_and_the_code_by_name() -> None:
    guest = Guest("tdx")
    guest.pages(0x900_0000, 512, "unaccepted")
    assert call(guest, 6, rcx=0x900_0001) == (
        "tdcall TDG.MEM.PAGE.ACCEPT page=0x9000000 level 1 (2M) -> SUCCESS"
    )
    bad = call(guest, 6, rcx=0x900_1001)
    assert "page=0x9001000 level 1 (2M) -> OPERAND_INVALID of RCX (0xc000010000000001)" in bad
    assert "(ACCEPT of 0x9001001)" in bad


def test_a_field_of_the_td_is_told_by_name() -> None:
    """TDX module ABI, TD-scope metadata: CONFIG_FLAGS."""
    text = call(Guest("tdx"), 7, rdx=0x9110_0003_0000_0016)
    assert "field=0x9110000300000016 (CONFIG_FLAGS) -> SUCCESS value=0x" in text


@pytest.mark.parametrize("number", [one.number for one in SUBFUNCTIONS], ids=hex)
def test_every_subfunction_has_its_operands_and_the_host_s_status(number: int) -> None:
    values = {name: 0x11 + place for place, name in enumerate(ask.OPERANDS)}
    registers: dict[str, Any] = {name: values[name] for name in SUBFUNCTION_OPERANDS[number]}
    if number in (0x1E, 0x30):
        registers |= {"r12": 1, "r13": 1}
    text = call(Guest("tdx"), 0, 0, number, **(registers | {"rcx": 0xFF00}))
    given, _, came = text.partition(" -> ")
    told = [name for name, value in registers.items()
            if f"={value:#x}" not in given and f"={value}" not in given
            and f"({value:#x})" not in given and value > 1]  # fmt: skip
    assert told == [], text
    assert came.split()[0] in ("SUCCESS", "INVALID_OPERAND", "ALIGN_ERROR", "ends"), text


def test_a_refused_subfunction_says_which_register() -> None:
    text = call(Guest("tdx"), 0, 0, 0x1E, rcx=0xFF00, r12=3, r13=1, r14=0x3F8, r15=0x41)
    assert "size=3 direction=out port=0x3f8 (COM1 data) data=0x41" in text
    assert "-> INVALID_OPERAND (R10 0x8000000000000000) (R12 size 0x3" in text


def test_what_the_host_is_not_shown_is_said() -> None:
    text = call(Guest("tdx"), 0, 0, 0x1F, rcx=0x0C00, r12=0x802)
    assert "msr=hidden in r12" in text


def test_a_td_s_hypercall_is_taken_apart_as_any_other() -> None:
    guest = Guest("tdx")
    guest.memory.write(RAM, struct.pack("<QIB3x", SELF, 1, 2) + bytes(224))
    text = call(guest, 0, 0x0F, 0, rcx=0x0D04, rdx=RAM)
    assert text == (
        "tdcall TDG.VP.VMCALL hypercall EnableVpVtl partition=self vp=1 vtl=2 context=zero "
        "-> SUCCESS"
    )


def in_x2apic(guest: Guest) -> Caller:
    guest.vmm.msrs[0, 0x1B] = 0xFEE0_0D00
    return guest.caller()


@pytest.mark.parametrize("msr", [one.number for one in MSRS], ids=hex)
def test_every_msr_has_its_name_its_value_or_why_it_is_refused(msr: int) -> None:
    caller = in_x2apic(Guest("vbs"))
    read = exit_words(ask.Rdmsr(2, msr), rdmsr(caller, msr))
    assert f"({msr:#x}) -> " in read
    assert "-> 0x" in read or "RDMSR of" in read
    written = exit_words(ask.Wrmsr(2, msr, 0x1234), wrmsr(caller, msr, 0x1234))
    assert f"({msr:#x}) = 0x1234" in written
    refused = any(type(one).__name__ == "RaiseException" for one in wrmsr(caller, msr, 0x1234))
    assert ("WRMSR of" in written) == refused


def test_an_icr_is_told_in_words() -> None:
    """SDM 3, figure 11-28."""
    for value, words in (
        (2 << 32 | 0x4500, "(INIT to APIC id 0x2)"), (2 << 32 | 0x4610, "(SIPI 0x10 to"),
        (0xC4500, "(INIT to all others)"), (0x8500, "(INIT de-assert to APIC id 0x0)"),
        (0x40030, "(fixed 0x30 to itself)"), (1 << 32 | 0x4400, "(NMI to APIC id 0x1)"),
    ):  # fmt: skip
        effects: Effects = ()
        assert words in exit_words(ask.Wrmsr(2, 0x830, value), effects)


@pytest.mark.parametrize(
    "leaf", sorted(one[0] for one in (*LEAVES, *HYPERV_LEAVES, *TDX_LEAVES)), ids=hex
)  # fmt: skip
def test_every_cpuid_leaf_has_its_four_registers(leaf: int) -> None:
    text = exit_words(ask.Cpuid(2, leaf, 0), cpuid(Guest("vbs").caller(), leaf, 0))
    given, _, came = text.partition(" -> ")
    assert given == f"cpuid {leaf:#x} 0x0"
    assert [word.split("=")[0] for word in came.split()] == ["eax", "ebx", "ecx", "edx"]


@pytest.mark.parametrize("device", STANDARD.all, ids=lambda one: one.name)
def test_every_port_of_a_device_is_called_by_its_name(device: Any) -> None:
    for port in device.ports:
        for asked in (ask.PortIn(0, port, 1), ask.PortOut(0, port, 1, 0x41)):
            text = exit_words(asked, ())
            assert f"{port:#x}" in text
            assert f"({device.name.upper()}" in text


def test_the_line_status_of_a_16550_is_at_offset_5() -> None:
    """National PC16550D, table II."""
    assert exit_words(ask.PortIn(0, 0x3FD, 1), ()) == "port in 0x3fd (COM1 line status)"
