"""MONITOR and MWAIT as instructions: which are faults, and what address is meant.

SDM 2: MONITOR, MWAIT (description, and the exceptions of 64-bit mode). In a TD:
intel/tdx-module, `init_td_vmcs_exec_control_field` and `tdx_td_dispatcher`.
"""

from typing import Final

import pytest

from emu.machine.monitor_code import read_monitor
from emu.vmm.asked import Monitor, Mwait
from tests.guest import DATA, SHARED, Guest, finish, word
from tests.machine.mwaits import (
    DEPTHS,
    HANDLERS,
    LEFT,
    MONITORS,
    NOTED,
    WAITS,
    fault,
    ran,
    store,
)  # fmt: skip
from tests.machine.test_fault_words import FROM_USER


def test_what_is_asked() -> None:
    registers = Guest("start: hlt").machine().board.cpus[0].registers
    registers.put("rax", 0x1_2345_6789)
    registers.put("rcx", 1 << 40)
    asked = read_monitor(b"\x0f\x01\xc8\xf4", b"\x67", registers)
    assert asked == Monitor(4, 0x2345_6789, 1 << 40)
    assert read_monitor(b"\x0f\x01\xc9", b"", registers) == Mwait(3, 0x2345_6789, 1 << 40)
    assert read_monitor(b"\x0f\x01\xca", b"", registers) is None, "CLAC"


@pytest.mark.parametrize(
    ("code", "vector"),
    [
        (MONITORS, 0),
        (MONITORS.replace("xor ecx, ecx", "mov ecx, 1"), 13),  # extensions of which it has none
        (MONITORS.replace("xor edx, edx", "mov edx, 5"), 0),  # undefined hints are ignored
        (MONITORS.replace("xor ecx, ecx", "mov rcx, 0x100000000"), 13),  # RCX in 64-bit mode
        (MONITORS.replace("mov eax, {DATA}", "mov rax, 0x800000000000"), 13),  # not canonical
        (MONITORS.replace("monitor", ".byte 0xf3\n monitor"), 6),
        (MONITORS.replace("monitor", ".byte 0xf2\n monitor"), 6),
        (MONITORS.replace("monitor", ".byte 0x66\n monitor"), 6),
        (MONITORS.replace("monitor", ".byte 0xf0\n monitor"), 6),
        (WAITS.replace("mwait", ".byte 0xf3\n mwait"), 6),
        ("xor eax, eax\n mov ecx, 2\n mwait", 13),  # a reserved extension
        ("xor eax, eax\n mov ecx, 3\n mwait", 13),
        ("xor eax, eax\n mov rcx, 0x100000001\n mwait", 13),
        ("xor eax, eax\n mov ecx, 1\n mwait", 0),  # CPUID.05H:ECX[1] is set
        ("mov eax, 0xffffff0f\n xor ecx, ecx\n mwait", 0),  # reserved hints are ignored
    ],
)
def test_which_are_exceptions(code: str, vector: int) -> None:
    board = ran(f"start:\n{code}\n{NOTED}")
    assert fault(board) == vector
    assert word(board, LEFT, 4) == (vector == 0), "what is none goes on behind it"


@pytest.mark.parametrize("instruction", ["monitor", "mwait"])
@pytest.mark.parametrize("ecx", [0, 1])
def test_without_the_bit_in_cpuid_they_are_undefined(instruction: str, ecx: int) -> None:
    source = f"start: mov eax, {{DATA}}\n mov ecx, {ecx}\n {instruction}\n {NOTED}{HANDLERS}"
    board = finish(Guest(source).driver())
    assert fault(board) == 6


@pytest.mark.parametrize("instruction", ["monitor", "mwait"])
def test_they_are_there_at_cpl_0_alone(instruction: str) -> None:
    code = f"mov eax, {DATA}\n xor ecx, ecx\n {instruction}\n hlt"
    source = f"start: .Lbase:\n {FROM_USER}\n here: {code}"
    board = finish(Guest(source, mwait=DEPTHS).driver())
    faults = [event.text for event in board.logs.events if event.kind == "fault"]
    assert faults[0].startswith(f"#UD: {instruction} at here")


def test_a_page_fault_is_that_of_a_byte_that_is_loaded() -> None:
    board = ran(f"start: {MONITORS.replace('{DATA}', '{WINDOW} + 0xfff')}{NOTED}")
    assert fault(board) == 14
    assert word(board, SHARED + 0x808) & 0xFFF == 0xFFF, "CR2 is the byte's own address"
    assert word(board, SHARED + 0x810) == 0, (
        "read, by a supervisor, of a page that is not there"
    )


def test_like_a_load_it_sets_the_a_bit_and_not_the_d_bit() -> None:
    entry = "{PT} + 8 * (({DATA} - 0x400000) >> 12)"
    clear = f"and qword ptr [{entry}], -97\n mov rax, cr3\n mov cr3, rax\n"
    board = ran(
        f"start: {clear}{MONITORS}\n mov rax, [{entry}]\n mov [{{SHARED}}], rax\n{NOTED}"
    )
    assert word(board, SHARED) & 0x60 == 0x20


def test_a_segment_prefix_is_heeded() -> None:
    based = "mov ecx, 0xc0000101\n mov eax, {DATA}\n xor edx, edx\n wrmsr\n"
    code = WAITS.replace("mov eax, {DATA}", "xor eax, eax").replace(
        "monitor", ".byte 0x65\n monitor"
    )
    board = ran(f"cpu0: {based}{code}{NOTED}{store('mov dword ptr [rbx], 1')}", 2)
    assert word(board, LEFT, 4) == 1, "it monitors where GS begins"


def test_of_rax_32_bits_count_with_an_address_size_prefix() -> None:
    code = WAITS.replace("mov eax, {DATA}", "mov rax, {DATA} + (7 << 32)").replace(
        "monitor", ".byte 0x67\n monitor"
    )
    board = ran(f"cpu0: {code}{NOTED}{store('mov dword ptr [rbx], 1')}", 2)
    assert (fault(board), word(board, LEFT, 4)) == (0, 1)


CLEARED: Final = "mov ecx, 0x1a0\n rdmsr\n btr eax, 18\n wrmsr\n"


def test_software_can_switch_them_off() -> None:
    asked = "mov eax, 1\n cpuid\n mov [{SHARED}], ecx\n"
    board = ran(f"start: {asked}{CLEARED}{asked.replace('}]', '} + 4]')}{MONITORS}{NOTED}")
    assert word(board, SHARED, 4) & 8
    assert not word(board, SHARED + 4, 4) & 8
    assert fault(board) == 6


def test_in_a_td_they_are_its_own_where_they_are_offered() -> None:
    stores = store("mov dword ptr [rbx], 1").replace("hlt", "there: jmp there")
    noted = NOTED.replace("hlt", "here: jmp here")
    board = ran(f"cpu0: {WAITS}{noted}{stores}", 2, "tdx")
    assert word(board, LEFT, 4) == 1


@pytest.mark.parametrize("instruction", ["monitor", "mwait"])
def test_in_a_td_they_are_undefined_where_not(instruction: str) -> None:
    source = f"start: mov eax, {{DATA}}\n xor ecx, ecx\n {instruction}\n here: jmp here\n"
    end = HANDLERS.replace("hlt", "jmp here")
    assert fault(finish(Guest(source + end, 1, "tdx").driver())) == 6
