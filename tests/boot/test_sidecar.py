"""The sidecar kernel: where the loader puts it, what the shim is told, and that its CPUs idle.

The sidecar here is ours, and does what openvmm's does with the host (`openhcl/sidecar/src/arch/
x86_64/init.rs`): it asks for two registers, gives each VP its VTL with a whole context, starts
it, and the VP turns its x2APIC on and halts with interrupts on.
"""

import struct
from pathlib import Path

import pytest

from emu.boot.image import parse_image
from emu.boot.layout import BootLayout
from emu.debug.setup import Options, Setup
from emu.errors import ImageError
from emu.hw.address import LARGE_BYTES
from tests.boot.elf import EXECUTABLE, Load, elf
from tests.boot.test_loader import memory
from tests.boot.tiny_shim import at_rest, image_of, layout_of, places, platform_with

SHIM = """
start:
    lea rbx, [rip + start]
    lea rsp, [rip + stack + 1024]
    lea rbp, [rbx + rsi]
    cmp qword ptr [rbp + 0x60], 0
    je none
    mov rax, [rbp + 0x68]
    add rax, rbx
    call rax
none:
    mov rax, [rbp]
    add rax, rbx
    jmp rax
.balign 16
stack: .fill 1024
"""
"""Calls the sidecar if there is one, then the kernel."""

SIDECAR = """
start:
    push rbp
    push rbx
    mov eax, 1
    cpuid
    bt ecx, 21
    jnc broken
    mov ecx, 0x40000000
    mov edx, 0x100
    xor eax, eax
    wrmsr
    mov ecx, 0x40000001
    lea rax, [rip + page + 1]
    xor edx, edx
    wrmsr
    lea rdi, [rip + input]
    mov qword ptr [rdi], -1
    mov dword ptr [rdi + 8], -2
    mov dword ptr [rdi + 12], 0
    mov dword ptr [rdi + 16], 0xd0002
    mov dword ptr [rdi + 20], 0xd0006
    movabs rcx, 0x200000050
    call hypercall
    movabs rcx, 0x200000000
    cmp rax, rcx
    jne broken
    lea rdi, [rip + input]
    mov dword ptr [rdi + 8], 1
    mov dword ptr [rdi + 12], 2
    lea rax, [rip + ap]
    mov [rdi + 0x10], rax
    lea rax, [rip + stack + 1016]
    mov [rdi + 0x18], rax
    mov qword ptr [rdi + 0x20], 2
    mov rax, cr3
    mov [rdi + 0xd8], rax
    sgdt [rip + table]
    mov rax, [rip + table + 2]
    mov [rdi + 0xc0], rax
    mov rcx, 0x0f
    call hypercall
    test rax, rax
    jnz broken
    mov rcx, 0x99
    call hypercall
    test rax, rax
    jnz broken
    pop rbx
    pop rbp
    ret
hypercall:
    lea rdx, [rip + input]
    lea r8, [rip + output]
    lea rax, [rip + page]
    jmp rax
broken:
    ud2
ap:
    mov ecx, 0xc0000100
    xor eax, eax
    xor edx, edx
    wrmsr
    mov ecx, 0x1b
    rdmsr
    or eax, 0xc00
    wrmsr
    mov ecx, 0x80f
    mov eax, 0x1ff
    xor edx, edx
    wrmsr
    mov byte ptr [rip + status], 1
idle:
    sti
    hlt
    jmp idle
status: .byte 2
.balign 8
table: .fill 16
.balign 4096
page: .fill 4096
input:
    .fill 0x28
    .macro segment selector, attributes
    .quad 0
    .long 0xffffffff
    .short \\selector, \\attributes
    .endm
    segment 0x10, 0xa09b
    segment 0x18, 0xc093
    segment 0x18, 0xc093
    segment 0x18, 0xc093
    segment 0x18, 0xc093
    segment 0x18, 0xc093
    segment 0, 0x8b
    segment 0, 0x82
    .short 0, 0, 0, 0x20f
    .quad 0
    .short 0, 0, 0, 0x1f
    .quad 0
    .quad 0xd00, 0x80000021, 0, 0x260, 0x0007040600070406
.balign 4096
output: .fill 4096
stack: .fill 1024
"""
"""HV_INITIAL_VP_CONTEXT as openvmm's sidecar has it: IDT limit 0x20F, CR4 0x260."""


def told(layout: BootLayout) -> tuple[int, int, int]:
    """(offset, bytes, entry) at 0x58, 0x60 and 0x68 of ShimParamsRaw."""
    at = places(layout)["shim parameters"][0]
    return struct.unpack("<qQq", memory(layout, at + 0x58, 24))


def test_it_lies_at_2_mib_below_the_shim_and_the_shim_is_told() -> None:
    sidecar = image_of(SIDECAR, "sidecar")
    layout = layout_of(SHIM, platform_with("none", ""), sidecar=sidecar)
    found, shim = places(layout)["sidecar"], places(layout)["shim"][0]
    offset, size, entry = told(layout)
    assert (shim + offset, size) == found
    assert found[0] % LARGE_BYTES == 0 and found[0] < shim
    assert size % 4096 == 0 and size >= sidecar.size
    assert shim + entry == found[0]
    assert layout.symbols.find("sidecar:idle") == [found[0] + sidecar_label("idle")]


def sidecar_label(name: str) -> int:
    """The offset of a label in the sidecar."""
    image = image_of(SIDECAR, "sidecar")
    return next(one.address for one in image.symbols if one.name == name)


def test_without_one_nothing_is_told() -> None:
    layout = layout_of(SHIM, platform_with("none", ""))
    assert told(layout) == (0, 0, 0)
    assert "sidecar" not in places(layout)


def test_its_cpu_is_started_and_idles() -> None:
    platform = platform_with("none", "", cpus=2)
    driver = at_rest(SHIM, platform, sidecar=image_of(SIDECAR, "sidecar"))
    board = driver.machine.board
    base = places(board.layout)["sidecar"][0]
    assert board.ram.guest_bytes(base + sidecar_label("status"), 1) == b"\x01"
    assert board.cpus[1].activity == "halted"
    output = board.ram.guest_bytes(base + sidecar_label("output"), 32)
    assert output is not None
    offsets, capabilities = struct.unpack("<Q8xQ8x", output)
    assert offsets >> 12 & 0xFFF and not capabilities
    kernel, size = places(board.layout)["kernel"]
    assert kernel <= board.linear_rip(board.cpus[0]) < kernel + size


def test_it_must_be_position_independent() -> None:
    fixed = parse_image(Path("fixed.elf"), elf(Load(0x800_0000), kind=EXECUTABLE))
    with pytest.raises(ImageError, match=r"^fixed.elf: a sidecar must be position independent"):
        layout_of(SHIM, platform_with("none", ""), sidecar=fixed)


def test_an_option_gives_it(tmp_path: Path) -> None:
    place = tmp_path / "sidecar.elf"
    place.write_bytes(image_of(SIDECAR, "sidecar").data)
    layout = Setup.of(Options(platform="none", sidecar=str(place))).layout()
    assert places(layout)["sidecar"][0] % LARGE_BYTES == 0
