"""The reset page: the layout that openhcl_boot patches, and what its code may write."""

from typing import Final

import pytest
from capstone import CS_ARCH_X86, CS_MODE_32, CS_MODE_64, Cs, CsInsn
from capstone.x86 import X86_OP_MEM
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tests.house.tree import ROOT

BASE: Final = 0xFFFFF000
CODE: Final = 0xA8
FIRMWARE: Final = 0x800
TDCALL: Final = bytes.fromhex("660f01cc")  # the disassembler does not know it
WRITERS: Final = ("mov", "cmpxchg", "xchg", "add", "or", "and", "xor", "inc", "dec", "push")


def image() -> tuple[ELFFile, bytes, dict[str, int]]:
    """The packaged page: the file, its bytes, and its symbols."""
    with (ROOT / "samples" / "reset.elf").open("rb") as file:
        elf = ELFFile(file)
        (part,) = elf.iter_segments("PT_LOAD")
        table = elf.get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        names = {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}
        assert (part["p_vaddr"], part["p_memsz"]) == (BASE, 4096)
        return elf, part.data(), names


_, PAGE, SYMBOLS = image()


def code(start: str, end: int, mode: int = CS_MODE_64) -> list[CsInsn]:
    """The instructions from a symbol to an address."""
    engine = Cs(CS_ARCH_X86, mode)
    engine.detail = True
    first = SYMBOLS[start]
    known = PAGE.replace(TDCALL, bytes.fromhex("90909090"))
    return list(engine.disasm(known[first - BASE : end - BASE], first))


def number(offset: int, count: int) -> int:
    """A little-endian number of the page."""
    return int.from_bytes(PAGE[offset : offset + count], "little")


def test_the_page_starts_at_the_reset_vector_with_its_first_instruction_at_a8() -> None:
    elf, _, _ = image()
    assert (elf["e_type"], elf["e_entry"]) == ("ET_EXEC", 0xFFFFFFF0)
    (jump, *_) = Cs(CS_ARCH_X86, CS_MODE_32).disasm(PAGE[0xFF0:], 0xFFFFFFF0)
    assert (jump.mnemonic, jump.op_str) == ("jmp", hex(BASE + CODE))
    assert SYMBOLS["reset_entry"] == BASE + CODE


def test_the_mailbox_and_the_context_begin_empty_but_for_the_static_gdt() -> None:
    gdt = {0x16: (2, 0xF), 0x18: (4, BASE + 0x98), 0xA0: (8, 0x00AF9B000000FFFF)}
    blank = bytearray(PAGE[:CODE])
    for offset, (count, value) in gdt.items():
        assert number(offset, count) == value
        blank[offset : offset + count] = bytes(count)
    assert not any(blank), "and bits 31:24 of the descriptor's base are zero"


def test_the_firmware_half_names_the_mailbox_and_the_way_back() -> None:
    assert (number(0x800, 8), number(0x80C, 4)) == (0, 0), "no records until a shim says so"
    assert number(0x810, 8) == BASE
    assert BASE + number(0x818, 8) == SYMBOLS["mailbox_reset_vector"]


def stores(instructions: list[CsInsn]) -> set[str]:
    """Every memory operand that is written, as text; the stack aside."""
    found = set()
    for one in instructions:
        target = one.operands[0] if one.operands else None
        if target is None or target.type != X86_OP_MEM:
            continue
        if one.mnemonic.removeprefix("lock ").startswith(WRITERS) and "rip" not in one.op_str:
            found.add(one.op_str.split(",")[0].split("ptr ")[-1])
    return found - {"[rsp]"}


def test_an_ap_writes_the_command_and_its_own_record_only() -> None:
    written = stores(code("reset_long", BASE + FIRMWARE))
    pushed = {"[r15 + 0x16]"}  # read by a push
    assert written - pushed == {"[r13]", "[rbx]", "[rbx + 0x30]"}


def test_the_ack_comes_after_the_vector_and_is_one_word() -> None:
    loop = code("mailbox_wait", SYMBOLS["mailbox_jump"])
    vector = next(one.address for one in loop if "[r13 + 8]" in one.op_str)
    ack = next(one for one in loop if one.address == SYMBOLS["mailbox_ack"])
    assert vector < ack.address
    assert (ack.mnemonic, ack.op_str) == ("mov", "word ptr [r13], 0")


def test_one_load_reads_command_and_id_and_the_reserved_word_does_not_matter() -> None:
    loop = code("mailbox_wait", SYMBOLS["mailbox_ack"])
    heads = [one.op_str for one in loop if "[r13" in one.op_str and one.mnemonic != "movw"]
    assert heads == ["rax, qword ptr [r13]", "word ptr [r13], 0", "r14, qword ptr [r13 + 8]"]
    compared = {one.op_str for one in loop if one.mnemonic == "cmp" and "ax" in one.op_str}
    assert compared == {"ax, 1", "ax, 2"}


def test_an_ap_whose_record_says_that_it_does_not_wait_neither_acks_nor_leaves() -> None:
    loop = code("mailbox_wait", SYMBOLS["mailbox_ack"])
    swap, branch = loop[-2:]
    assert (swap.mnemonic, branch.mnemonic) == ("lock cmpxchg", "jne")
    assert branch.op_str == hex(SYMBOLS["ap_failed"])


@pytest.mark.parametrize("loop", ["mailbox_wait", "ap_failed"])
def test_every_wait_pauses(loop: str) -> None:
    found = code(loop, SYMBOLS[loop] + 64)
    assert "pause" in [one.mnemonic for one in found]
