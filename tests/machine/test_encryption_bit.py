"""SEV-SNP, as far as the start of an AP: tables with the C-bit, PVALIDATE, RMPADJUST, the GHCB
MSR protocol, and StartVirtualProcessor with a VMSA.

Expected: AMD APM volumes 2 (table B-4, 15.34, 15.36) and 3 (PVALIDATE, RMPADJUST); GHCB
standardization 2.03, 2.3.1; openvmm, `openhcl_boot/src/arch/x86_64/snp.rs`.
"""

from pathlib import Path
from typing import Final

import pytest

from emu import open_session
from emu.boot.platform import Platform, platform_of, platform_text
from emu.hw.address import Gpa
from emu.machine.board import Board
from emu.machine.machine import Machine
from tests.boot.tiny_shim import boot, image_of, layout_of, places, platform_with

SNP: Final = platform_text("none").replace('isolation = "none"', 'isolation = "snp"')
BEGIN: Final = """
start:
    lea rbx, [rip + start]
    lea rsp, [rip + stack + 2048]
    lea rbp, [rbx + rsi]
    mov r12, [rbp + 0xb0]
    add r12, rbx                  # persisted: 2 MiB that nobody has validated
    mov rax, cr3
    mov rax, [rax]
    and ax, 0xf000
    btr rax, 51
    mov rax, [rax]
    and ax, 0xf000
    btr rax, 51
    mov rdx, r12
    or rdx, 0xe3
    bts rdx, 51
    mov [rax + 8], rdx
"""
END: Final = """
    hlt
ghcb:                             # RAX to the MSR, and its answer in RAX
    mov rdx, rax
    shr rdx, 32
    mov ecx, 0xc0010130
    wrmsr
    rep vmmcall
    mov ecx, 0xc0010130
    rdmsr
    shl rdx, 32
    or rax, rdx
    ret
validate:                         # EAX in R8, CF in R9
    mov eax, 0x200000
    .byte 0xf2, 0x0f, 0x01, 0xff
    setc r9b
    movzx r9d, r9b
    mov r8d, eax
    ret
.balign 8
found: .fill 128
.balign 16
stack: .fill 2048
"""


def platform(cpus: int = 1, level: str = "2M") -> Platform:
    """SNP, the rest as on none."""
    from pathlib import Path

    from emu.boot.platform import platform_of

    text = SNP.replace('accept_level = "2M"', f'accept_level = "{level}"')
    return platform_of(text, Path("snp.toml"), cpus=cpus)


def run(code: str, cpus: int = 1, level: str = "2M") -> Board:
    """A tiny shim that has come to rest."""
    return boot(BEGIN + code + END, platform(cpus, level)).machine.board


def found(board: Board, count: int) -> list[int]:
    """The words that it left."""
    at = board.layout.symbols.find("shim:found")[0]
    data = board.ram.guest_bytes(at, 8 * count)
    assert data is not None
    return [int.from_bytes(data[8 * n : 8 * n + 8], "little") for n in range(count)]


def test_tables_with_the_bit_lead_where_they_say_and_the_guest_reads_them_as_they_are() -> None:
    board = run("mov rax, cr3\n mov rax, [rax]\n mov [rip + found], rax")
    (entry,) = found(board, 1)
    assert entry >> 51 & 1 and entry & 1
    assert entry >> 5 & 1, "A is set"


def test_the_encryption_bit_asks_for_no_other_memory() -> None:
    code = """
    mov qword ptr [rip + found + 8], 7
    lea rdx, [rip + start]
    and edx, 0xffe00000
    or rdx, 0xe3
    mov [rax + 8], rdx            # the same 2 MiB, without the bit
    lea rdx, [rip + found + 8]
    and edx, 0x1fffff
    mov rdx, [rdx + 0x200000]
    mov [rip + found], rdx
    """
    assert found(run(code), 1) == [7]


VALIDATES: Final = """
    mov ecx, {size}
    mov edx, {first}
    call validate
    mov [rip + found], r8
    mov [rip + found + 8], r9
    mov ecx, {again}
    mov edx, 1
    call validate
    mov [rip + found + 16], r8
    mov [rip + found + 24], r9
"""


@pytest.mark.parametrize(
    ("size", "first", "again", "level", "expected"),
    [
        (1, 1, 1, "2M", [0, 0, 0, 1]), (0, 1, 0, "2M", [0, 0, 0, 1]),
        (0, 1, 1, "2M", [0, 0, 6, 0]), (1, 1, 0, "4K", [6, 0, 0, 0]),
        (1, 0, 1, "2M", [0, 1, 0, 0]),
    ],
)  # fmt: skip
def test_pvalidate_says_what_it_did(
    size: int, first: int, again: int, level: str, expected: list[int]
) -> None:
    code = VALIDATES.format(size=size, first=first, again=again)
    assert found(run(code, level=level), 4) == expected


def test_a_page_can_be_used_once_it_is_validated_and_not_before() -> None:
    use = "mov qword ptr [r12 + 8], 0x600d\n mov rax, [r12 + 8]\n mov [rip + found], rax"
    board = run(f"mov ecx, 1\n mov edx, 1\n call validate\n {use}")
    assert found(board, 1) == [0x600D]
    last = list(run(use).logs.events)[-1].text
    assert last.endswith("writing GPA 0x8000008, which is not accepted")


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (0x002, 2 << 48 | 1 << 32 | 51 << 24 | 1),
        (0x4000_0000 << 32 | 1 << 30 | 4, 0x7263_694D << 32 | 1 << 30 | 5),
        (0x010, (1 << 64) - (1 << 12) | 0x11), (0x1234_5012, 0x1234_5013),
        (0x080, 1 << 12 | 0x81), (1 << 52 | 0x7000_0000 | 0x14, 1 << 32 | 0x15),
    ],
)  # fmt: skip
def test_the_host_answers_in_the_msr(asked: int, answer: int) -> None:
    assert found(run(f"movabs rax, {asked}\n call ghcb\n mov [rip + found], rax"), 1) == [
        answer
    ]


def test_a_page_changes_hands_and_is_empty_when_it_comes_back() -> None:
    code = """
    mov ecx, 1
    mov edx, 1
    call validate
    mov qword ptr [r12], 0x5ec3e7
    mov rax, r12
    or rax, 0x14
    bts rax, 53
    call ghcb
    mov [rip + found], rax
    mov rax, [r12]
    mov [rip + found + 8], rax
    mov rax, r12
    or rax, 0x14
    bts rax, 52
    call ghcb
    mov [rip + found + 16], rax
    mov ecx, 0
    mov edx, 1
    call validate
    mov [rip + found + 24], r8
    mov rax, [r12]
    mov [rip + found + 32], rax
    """
    assert found(run(code), 5) == [0x15, 0x5EC3E7, 0x15, 0, 0]


def test_what_the_host_does_not_know_ends_the_machine() -> None:
    said = list(run("mov eax, 0x200\n call ghcb").logs.events)[-1].text
    assert "VMGEXIT with request 0x200: the host knows the MSR protocol alone" in said


STARTS: Final = """
    mov ecx, 1
    mov edx, 1
    call validate
    lea rdi, [r12 + 0x1000]       # the VMSA
    .irp at, 0x10, 0x00, 0x20, 0x30, 0x40, 0x50
    mov dword ptr [rdi + \\at], 0x0c930018
    mov dword ptr [rdi + \\at + 4], -1
    .endr
    mov dword ptr [rdi + 0x10], 0x0a9b0010
    mov dword ptr [rdi + 0x90], 0x008b0000
    mov dword ptr [rdi + 0x94], 0xffff
    mov dword ptr [rdi + 0x70], 0x00820000
    sgdt [rip + found + 64]
    mov ax, [rip + found + 64]
    mov [rdi + 0x64], ax
    mov rax, [rip + found + 66]
    mov [rdi + 0x68], rax
    mov qword ptr [rdi + 0xd0], {efer}
    mov qword ptr [rdi + 0x148], 0x60
    mov rax, cr3
    bts rax, 51
    mov [rdi + 0x150], rax
    mov eax, 0x80000021
    mov [rdi + 0x158], rax
    mov qword ptr [rdi + 0x170], 2
    lea rax, [rip + ap]
    mov [rdi + 0x178], rax
    movabs rax, 0x0007040600070406
    mov [rdi + 0x268], rax
    mov qword ptr [rdi + 0x3b0], {features}
    lea rax, [rdi]
    xor ecx, ecx
    mov edx, 0x10001
    .byte 0xf3, 0x0f, 0x01, 0xfe
    mov [rip + found], rax
    mov ecx, 0x40000000
    mov edx, 0x100
    xor eax, eax
    wrmsr
    mov ecx, 0x40000001
    lea rax, [rip + page + 1]
    xor edx, edx
    wrmsr
    lea rax, [r12 + 0x1001]
    mov [rip + input + 16], rax
    mov ecx, 0x0f
    call hypercall
    mov [rip + found + 8], rax
    mov ecx, 0x99
    call hypercall
    mov [rip + found + 16], rax
    wait: pause
    cmp qword ptr [rip + found + 24], 0
    je wait
    hlt
ap: mov ecx, 20000
    delay: dec ecx
    jnz delay
 mov qword ptr [rip + found + 24], 0xa9
    hlt
hypercall:
    lea rdx, [rip + input]
    lea r8, [rip + page]
    lea rax, [rip + page]
    jmp rax
.balign 4096
page: .fill 4096
input: .quad -1
    .long 1, 2
    .fill 256
"""


def test_what_the_loader_leaves_is_shared_until_the_guest_takes_it() -> None:
    text = f'{SNP}\n[openhcl]\nunaccepted = ["kernel"]\n'
    there = platform_of(text, Path("snp.toml"), cpus=1)
    layout = layout_of("nop", there)
    board = Machine(there, layout, 0).board
    (gpa, pages), *rest = layout.shared
    assert not rest and gpa == places(layout)["kernel"][0]
    assert board.ram.state(Gpa(gpa)) == "shared"
    assert board.ram.guest_bytes(gpa, len(pages)) == pages


def test_an_ap_is_started_from_a_vmsa() -> None:
    board = run(STARTS.format(efer="0x1d00", features=1), cpus=2)
    assert found(board, 4) == [0, 0, 0, 0xA9]
    assert places(board.layout)["bounce buffer"]


@pytest.mark.parametrize(("efer", "features"), [("0xd00", 1), ("0x1d00", 0)])
def test_a_vmsa_that_no_cpu_can_begin_from_is_refused(efer: str, features: int) -> None:
    code = STARTS.format(efer=efer, features=features).replace("je wait", "nop")
    assert found(run(code, cpus=2), 4) == [0, 0, 0x50, 0]


def test_steps_and_ways_back_come_to_the_same_end(tmp_path: Path) -> None:
    image, place = tmp_path / "snp.elf", tmp_path / "snp.toml"
    code = STARTS.format(efer="0x1d00", features=1)
    image.write_bytes(image_of(BEGIN + code + END, "shim").data)
    place.write_text(SNP)
    session = open_session(str(image), platform=str(place), cpus=2)
    session.do("run")
    board, end = session.machine.board, session.machine.board.tick
    rip = board.linear_rip(board.cpus[0])
    for way in (("goto 40", "run"), ("goto 0", "step 0 60", "goto 30", "run")):
        for command in way:
            session.do(command)
        board = session.machine.board
        assert found(board, 4) == [0, 0, 0, 0xA9]
        assert board.linear_rip(board.cpus[0]) == rip
        assert way[1] != "run" or board.tick == end


def test_elsewhere_they_are_no_instructions() -> None:
    board = boot("start: .byte 0xf2, 0x0f, 0x01, 0xff", platform_with("none", "", 1))
    assert any("#UD: pvalidate" in one.text for one in board.machine.board.logs.events)
