"""What a mailbox loop does is read from its instructions, and tells whose it is.

The loops are written after public sources: td-shim 125eeab, td-shim/src/bin/td-shim/asm/
ap_loop.asm (relocated function); EDK2 c5aa7e7d, OvmfPkg/TdxDxe/X64/ApRunLoop.nasm; openvmm,
vm/loader/igvmfilegen/src/vp_context_builder/tdx.rs (the reset page).
"""

from typing import Final

import pytest
from msgspec.structs import replace

from emu.machine.loop_code import loop_code
from emu.mailbox.dialect import BROADCAST_ID, BY_NAME, INVALID_ID, LoopCode, recognise
from emu.mailbox.observation import Listens
from tests.guest import Guest, finish, label, step_to

HEAD: Final = "start: mov ebx, {MAILBOX}\n mov r8, rdi\n"
OPENHCL: Final = """
loop: mov eax, [rbx + 4]
    cmp r8d, eax
    jne loop
    mov edx, [rbx]
    cmp edx, 1
    jne loop
    mov word ptr [rbx], 0
    mov rax, [rbx + 8]
    mov [rbx + 0x28], rax
    jmp qword ptr [rbx + 0x28]
"""
TD_SHIM: Final = """
loop: cmp dword ptr [rbx + 4], 0xfffffffe
    je command
    cmp [rbx + 4], r8d
    jne loop
command: mov eax, [rbx]
    cmp eax, 0
    je loop
    cmp eax, 1
    je wakeup
    jmp loop
wakeup: mov rax, 0
    mov eax, [rbx + 8]
    mov qword ptr [rbx], 0
    nop
    jmp rax
"""
EDK2: Final = """
loop: cmp dword ptr [rbx], 0
    je loop
    cmp dword ptr [rbx + 4], 0xfffffffe
    je command
    cmp [rbx + 4], r8d
    jne loop
command: cmp dword ptr [rbx], 1
    je wakeup
    cmp dword ptr [rbx], 2
    je tested
    cmp dword ptr [rbx], 3
    je sleep
    jmp loop
wakeup: mov rax, [rbx + 8]
    mov qword ptr [rbx], 0
    jmp rax
tested: mov qword ptr [rbx], 0
    jmp loop
sleep: jmp sleep
"""
BOTH: Final = """
loop: mov rax, [rbx]
    cmp ax, 1
    je whose
    cmp ax, 2
    je whose
again: pause
    jmp loop
whose: mov rcx, rax
    shr rcx, 32
    cmp r8d, ecx
    jne again
    cmp ax, 2
    jne woken
    mov word ptr [rbx], 0
    jmp loop
woken: mov r14, [rbx + 8]
    mov word ptr [rbx], 0
    jmp r14
"""
ID, DWORD, VECTOR = ("apic_id", 4), ("command", 4), ("vector", 8)
READ: Final = {
    "openhcl": (OPENHCL, LoopCode((ID, DWORD, VECTOR), 2, late=True, commands=(1,))),
    "td-shim": (
        TD_SHIM,
        LoopCode((ID, DWORD, ("vector", 4)), 8, commands=(0, 1), ids=(BROADCAST_ID,)),
    ),
    "edk2": (
        EDK2,
        LoopCode(
            (DWORD, ID, DWORD, VECTOR), 8, commands=(0, 1, 2, 3), ids=(BROADCAST_ID,),
            answers=True,
        ),
    ),
    "acpi": (
        BOTH,
        LoopCode((("command", 8), VECTOR), 2, pauses=True, commands=(1, 2), answers=True),
    ),
}  # fmt: skip
"""Whose loop -> the loop, and what it does by its source."""


def read(source: str) -> LoopCode:
    """The loop as it is read at its head."""
    machine = Guest(HEAD + source, 2, mailbox=True).machine()
    step_to(machine, 1, "loop")
    found = loop_code(machine.board, machine.board.cpus[1], label(machine.board, "loop"))
    assert found is not None
    return found


@pytest.mark.parametrize("name", READ)
def test_a_loop_of_the_field_is_read_as_its_source_has_it(name: str) -> None:
    source, wanted = READ[name]
    assert read(source) == wanted
    assert recognise(wanted) is BY_NAME[name]


@pytest.mark.parametrize("name", [name for name in READ if name != "acpi"])
def test_the_table_of_dialects_agrees_with_the_sources(name: str) -> None:
    loop = BY_NAME[name].loop
    assert loop is not None
    assert replace(loop, id_by="") == READ[name][1]
    assert loop.id_by == ("VMCALL RDMSR" if name == "openhcl" else "VMCALL CPUID")


@pytest.mark.parametrize(
    ("name", "heard"),
    [("openhcl", {1: "Wakeup"}), ("td-shim", {1: "Wakeup"}),
     ("edk2", {1: "Wakeup", 2: "Test", 3: "Sleep"}), ("acpi", {1: "Wakeup", 2: "Test"})],
)  # fmt: skip
def test_a_dialect_has_names_for_what_its_loop_hears(name: str, heard: dict[int, str]) -> None:
    """EDK2's numbers are those of TdxCommondefs.inc."""
    assert dict(BY_NAME[name].commands) == {0: "Noop", **heard}
    loop = BY_NAME[name].loop
    assert loop is None or set(loop.commands) | {0} == {0, *heard}


VARIANTS: Final = {
    "with a PAUSE": (TD_SHIM.replace("loop: ", "loop: pause\n "), "td-shim"),
    "that minds the invalid id": (
        TD_SHIM.replace("loop: ", "loop: cmp dword ptr [rbx + 4], 0xffffffff\n je loop\n "),
        "td-shim",
    ),
    "that keeps the command": (
        EDK2.replace("loop: cmp dword ptr [rbx], 0", "loop: mov edx, [rbx]\n test edx, edx")
        .replace("cmp dword ptr [rbx], ", "cmp edx, "), "edk2",
    ),
    "without an ack": (TD_SHIM.replace("mov qword ptr [rbx], 0", "nop"), "acpi"),
    "with a whole vector": (
        TD_SHIM.replace("mov eax, [rbx + 8]", "mov rax, [rbx + 8]"), "acpi",
    ),
    "with the vector first": (
        OPENHCL.replace("    mov word ptr [rbx], 0\n    mov rax, [rbx + 8]\n",
                        "    mov rax, [rbx + 8]\n    mov word ptr [rbx], 0\n"), "acpi",
    ),
    "with a late vector": (
        BOTH.replace("woken: mov r14, [rbx + 8]\n    mov word ptr [rbx], 0\n",
                     "woken: mov word ptr [rbx], 0\n    mov r14, [rbx + 8]\n"), "acpi",
    ),
}  # fmt: skip
"""A loop of the field with one thing otherwise, and whose it still is."""


@pytest.mark.parametrize("name", VARIANTS)
def test_one_deviation_that_makes_a_bug_makes_no_dialect(name: str) -> None:
    source, wanted = VARIANTS[name]
    assert recognise(read(source)).name == wanted


def test_what_is_read_tells_the_parts_of_a_loop() -> None:
    plain = read(TD_SHIM)
    assert read(VARIANTS["with a PAUSE"][0]) == replace(plain, pauses=True)
    minds = read(VARIANTS["that minds the invalid id"][0])
    assert minds.ids == (BROADCAST_ID, INVALID_ID)
    assert read(VARIANTS["without an ack"][0]).ack_bytes == 0
    assert read(VARIANTS["that keeps the command"][0]).loads == (DWORD, ID, VECTOR)
    assert read(VARIANTS["with a late vector"][0]).late


def test_a_loop_in_words() -> None:
    assert read(OPENHCL).words == (
        "reads apic_id (4), command (4), then clears 2 bytes, then reads vector (8); no PAUSE"
    )
    assert read(BOTH).words == (
        "reads command (8), vector (8), then clears 2 bytes; PAUSE; answers a Test"
    )


def test_a_loop_that_looks_elsewhere_is_none_of_the_mailbox_s() -> None:
    machine = Guest("start: mov ebx, {SHARED}\nloop: cmp dword ptr [rbx], 0\n je loop",
                    2, mailbox=True).machine()  # fmt: skip
    step_to(machine, 1, "loop")
    assert loop_code(machine.board, machine.board.cpus[1], label(machine.board, "loop")) is None


ASKED: Final = {
    "RDMSR": ("none", "mov ecx, 0x1b\n rdmsr\n or eax, 0xc00\n wrmsr\n mov ecx, 0x802\n rdmsr"),
    "CPUID": ("none", "mov eax, 0xb\n xor ecx, ecx\n mov rsi, rbx\n cpuid\n mov rbx, rsi"),
    "VMCALL CPUID": ("tdx", "mov eax, 0\n mov ecx, 0xfc00\n xor r10, r10\n mov r11d, 0xa\n"
                            "mov r12d, 0xb\n xor r13, r13\n .byte 0x66, 0x0f, 0x01, 0xcc"),
    "VMCALL RDMSR": ("tdx", "mov eax, 0\n mov ecx, 0x1c00\n xor r10, r10\n mov r11d, 0x1f\n"
                            "mov r12d, 0x802\n .byte 0x66, 0x0f, 0x01, 0xcc"),
}  # fmt: skip


@pytest.mark.parametrize("how", ASKED)
def test_how_the_ap_came_by_its_id_is_seen(how: str) -> None:
    platform, asks = ASKED[how]
    source = f"cpu0: jmp cpu0\n{HEAD}{asks}\n{TD_SHIM}"
    driver = Guest(source, 2, platform, mailbox=True).driver()
    (one,) = [seen for seen in finish(driver).logs.observed if isinstance(seen, Listens)]
    assert (one.cpu, one.loop.id_by) == (1, how)
    assert recognise(one.loop).name == "td-shim"


def test_a_loop_is_told_once_for_all_that_wait_in_it() -> None:
    driver = Guest(f"cpu0: hlt\n{HEAD}{EDK2}", 4, mailbox=True).driver()
    board = finish(driver)
    (one,) = [seen for seen in board.logs.observed if isinstance(seen, Listens)]
    assert one.address == label(board, "loop")
