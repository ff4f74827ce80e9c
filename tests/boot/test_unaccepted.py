"""What a TD's loader leaves to be accepted: visible to the host, told of, and hashed."""

import hashlib
import struct
from itertools import pairwise

import pytest
from msgspec.structs import replace

from emu.boot.layout import BootLayout
from emu.errors import PlatformError
from emu.hw.address import LARGE_BYTES, PAGE_BYTES, Gpa
from emu.machine.machine import Machine
from tests.boot.test_loader import memory
from tests.boot.tiny_shim import at_rest, layout_of, places, platform_with

BOTH = '[openhcl]\nunaccepted = ["kernel", "initrd"]\npage_hashes = true\n'
INITRD = bytes(range(256)) * 20


def left(layout: BootLayout) -> dict[int, bytes]:
    """GPA of a page -> its bytes, of all that the host sees."""
    return {
        gpa + at: pages[at : at + PAGE_BYTES]
        for gpa, pages in layout.shared
        for at in range(0, len(pages), PAGE_BYTES)
    }


def told(layout: BootLayout) -> tuple[bytes, list[tuple[int, int, int]], bytes]:
    """(hash, descriptors, hashes of pages), read by the offsets of openvmm's
    vm/loader/loader_defs/src/paravisor.rs: ImportedRegionsPageHeader, ImportedRegionDescriptor,
    ExpectedPageHashesHeader."""
    region = places(layout)["parameter region"][0]
    page = memory(layout, region + 104 * 4096, 4096)
    rows = []
    for row in struct.iter_unpack("<QQB7x", page[48 : 48 + 24 * 168]):
        if not row[1]:
            break
        rows.append(row)
    return page[:48], rows, memory(layout, region + 106 * 4096, 256 * 4096)


def test_the_hash_is_that_of_all_unaccepted_pages_by_address() -> None:
    layout = layout_of("nop", platform_with("tdx", BOTH), initrd=INITRD)
    digest, rows, _ = told(layout)
    pages = left(layout)
    assert digest == hashlib.sha384(b"".join(pages[at] for at in sorted(pages))).digest()
    unaccepted = [(first, count) for first, count, accepted in rows if not accepted]
    assert {first + n for first, count in unaccepted for n in range(count)} == {
        gpa >> 12 for gpa in pages
    }
    initrd, size = places(layout)["initrd"]
    assert b"".join(pages[initrd + at] for at in range(0, size, 4096))[: len(INITRD)] == INITRD
    assert rows == sorted(rows)
    assert all(a + n <= b for (a, n, _), (b, _, _) in pairwise(rows))


def test_each_page_has_its_own_hash_in_the_same_order() -> None:
    layout = layout_of("nop", platform_with("tdx", BOTH), initrd=INITRD)
    found = told(layout)[2]
    pages = left(layout)
    assert struct.unpack_from("<4sIII", found) == (b"EPHS", 1, len(pages), 0)
    for number, gpa in enumerate(sorted(pages)):
        at = 16 + 48 * number
        assert found[at : at + 48] == hashlib.sha384(pages[gpa]).digest()
    assert not any(found[16 + 48 * len(pages) :])


def test_who_asks_for_no_hashes_of_pages_gets_none() -> None:
    text = '[openhcl]\nunaccepted = ["kernel"]\n'
    digest, _, hashes = told(layout_of("nop", platform_with("tdx", text), initrd=INITRD))
    assert any(digest) and not any(hashes)


def test_what_is_left_is_neither_private_nor_accepted_when_the_td_begins() -> None:
    layout = layout_of("nop", platform_with("tdx", BOTH), initrd=INITRD)
    board = Machine(platform_with("tdx", BOTH), layout, 0).board
    for gpa in left(layout):
        assert board.ram.state(Gpa(gpa)) == "shared"
        assert not any(start <= gpa < start + size for start, size in layout.accepted)
        bank = board.ram.bank(gpa)
        assert bank and board.memory.read(bank.hpa + gpa - bank.gpa, 4096) == bytes(4096)


TAKES = f"""
start:
    lea rbx, [rip + start]
    lea rsp, [rip + stack + 256]
    lea rbp, [rbx + rsi]          # the shim parameters
    mov r12, [rbp]
    add r12, rbx                  # the kernel
    mov r13, [rbp + 0x80]
    add r13, rbx                  # the bounce buffer
    mov rax, cr3                  # the entry of 0x200000
    mov rax, [rax]
    and ax, 0xf000
    mov rax, [rax]
    and ax, 0xf000
    mov rdx, r12
    or rdx, 0xe3
    bts rdx, 47
    mov [rax + 8], rdx
    invlpg [0x200000]
    lea rcx, [r13 + 1]
    call accept
    mov esi, 0x200000
    mov rdi, r13
    mov ecx, 512
    rep movsq                     # out of what the host sees
    mov eax, 0
    mov ecx, 0x3c00
    mov r10, 0
    mov r11d, 0x10001
    mov r12, r12
    mov r14, r12
    mov r13d, {PAGE_BYTES}
    .byte 0x66, 0x0f, 0x01, 0xcc
    test rax, rax
    jnz broken
    test r10, r10
    jnz broken
    mov rcx, r14
    call accept
    mov rsi, [rbp + 0x80]
    add rsi, rbx
    mov rdi, r14
    mov ecx, 512
    rep movsq
    jmp r14
accept:
    mov eax, 6
    .byte 0x66, 0x0f, 0x01, 0xcc
    test rax, rax
    jnz broken
    ret
broken:
    ud2
stack: .fill 256
"""
"""What openhcl_boot does with a page that was not accepted (accept_pending_vtl2_memory)."""


def test_a_guest_reads_what_is_left_at_its_shared_address_and_takes_it() -> None:
    kernel = (
        "start: mov dword ptr [rip + mark], 0x600d\n wait: pause\n jmp wait\n mark: .long 0"
    )
    platform = platform_with("tdx", '[openhcl]\nunaccepted = ["kernel"]\n', cpus=1)
    driver = at_rest(TAKES, platform, kernel)
    board = driver.machine.board
    mark = board.layout.symbols.find("kernel:mark")[0]
    assert board.ram.guest_bytes(mark, 4) == (0x600D).to_bytes(4, "little")
    assert board.ram.state(Gpa(mark)) == "private"


def test_who_enters_a_part_that_it_has_not_taken_stops_there() -> None:
    jumps = "start: lea rbx, [rip + start]\n mov rax, [rbx + rsi]\n add rax, rbx\n jmp rax"
    platform = platform_with("tdx", '[openhcl]\nunaccepted = ["kernel"]\n', cpus=1)
    board = at_rest(jumps, platform).machine.board
    (kernel, _) = places(board.layout)["kernel"]
    last = list(board.logs.events)[-1].text
    assert last.startswith(
        f"cpu 0 at start: fetching GPA {kernel:#x} (start), which the nested"
    )
    assert last.endswith("does not allow (shared): not present at L1")


def test_only_a_td_has_parts_that_are_left() -> None:
    with pytest.raises(PlatformError, match=r"openhcl.unaccepted must be left out where isola"):
        platform_with("vbs", '[openhcl]\nunaccepted = ["kernel"]\n')
    with pytest.raises(PlatformError, match=r"openhcl.unaccepted must be a list of kernel, in"):
        platform_with("tdx", '[openhcl]\nunaccepted = ["shim"]\n')


def test_more_pages_than_hashes_are_said() -> None:
    big = platform_with("tdx", BOTH)
    with pytest.raises(
        PlatformError, match=r"page_hashes: [\d,]+ pages are unaccepted, 21,845"
    ):
        layout_of("nop", replace(big, memory_bytes=256 << 20), initrd=bytes(LARGE_BYTES * 43))
