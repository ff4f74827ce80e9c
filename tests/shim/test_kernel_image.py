"""What kernel.elf promises to its loader, to the tables of a woken AP, and to the debugger."""

from collections.abc import Iterator
from typing import Final

import pytest
from capstone import CS_ARCH_X86, CS_MODE_64, Cs
from capstone.x86 import X86_OP_MEM, X86_REG_RIP
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tests.house.tree import ROOT

MILESTONES: Final = (
    "kernel_start", "wake_aps", "secondary_start", "secondary_online", "secondary_idle",
    "offline_ap", "kernel_done",
)  # fmt: skip


@pytest.fixture(scope="module")
def image() -> Iterator[ELFFile]:
    """The packaged kernel."""
    with (ROOT / "samples" / "kernel.elf").open("rb") as file:
        yield ELFFile(file)


def symbols(image: ELFFile) -> dict[str, int]:
    """Name -> address at link time."""
    table = image.get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection)
    return {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}


def loads(image: ELFFile) -> list[tuple[int, int, int]]:
    """(address, bytes, flags) of what is loaded."""
    return [
        (part["p_vaddr"], part["p_memsz"], part["p_flags"])
        for part in image.iter_segments("PT_LOAD")
    ]


def test_it_can_be_placed_anywhere(image: ELFFile) -> None:
    assert image["e_type"] == "ET_DYN"
    assert loads(image)[0][0] == 0, "the lowest segment holds the ELF header"
    assert not [name for name in (".rela.dyn", ".rela") if image.get_section_by_name(name)]


def test_no_segment_is_writable_and_executable(image: ELFFile) -> None:
    assert [flags for _, _, flags in loads(image) if flags & 3 == 3] == []


def test_every_milestone_is_a_symbol(image: ELFFile) -> None:
    assert [name for name in MILESTONES if name not in symbols(image)] == []


def test_it_starts_at_kernel_start(image: ELFFile) -> None:
    assert image["e_entry"] == symbols(image)["kernel_start"]


def test_a_woken_ap_touches_only_kernel_text_before_it_has_the_kernels_tables(
    image: ELFFile,
) -> None:
    text = image.get_section_by_name(".text")
    assert text is not None
    start, end = text["sh_addr"], text["sh_addr"] + text["sh_size"]
    first = symbols(image)["secondary_start"]
    engine = Cs(CS_ARCH_X86, CS_MODE_64)
    engine.detail = True
    for code in engine.disasm(text.data()[first - start :], first):
        if code.mnemonic == "mov" and code.op_str.startswith("cr3"):
            return
        for operand in code.operands:
            if operand.type == X86_OP_MEM:
                assert operand.mem.base == X86_REG_RIP, code.op_str
                assert start <= code.address + code.size + operand.mem.disp < end
    pytest.fail("CR3 is never loaded")


def test_the_code_of_an_ap_lies_in_one_page_until_it_has_the_kernels_tables(
    image: ELFFile,
) -> None:
    """ACPI 6.6, 5.2.12.19: the waking vector lies in one physical page."""
    found = symbols(image)
    assert found["secondary_start"] >> 12 == found["secondary_cr3"] >> 12
