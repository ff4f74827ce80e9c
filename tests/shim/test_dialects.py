"""The loops of `samples/dialects/` do what their sources have: what is loaded, in which order
and how wide, how it is acknowledged, and how an AP learns its id.

Sources: td-shim, src/bin/td-shim/asm/ap_loop.asm (125eeab); EDK2, OvmfPkg/TdxDxe/X64/
ApRunLoop.nasm (c5aa7e7d); openvmm, vm/loader/igvmfilegen/src/vp_context_builder/tdx.rs.
"""

from typing import Final

import pytest
from capstone import CS_ARCH_X86, CS_MODE_64, Cs, CsInsn
from capstone.x86 import X86_OP_MEM, X86_REG_R13
from elftools.elf.elffile import ELFFile
from msgspec import Struct

from emu import open_session
from tests.gallery import ROOT

COMMAND, ID, VECTOR = 0, 4, 8
NOOP, WAKEUP, TEST, SLEEP, BROADCAST = 0, 1, 2, 3, 0xFFFF_FFFE


class Loop(Struct, frozen=True):
    """What a source says of its relocated loop."""

    loads: tuple[tuple[int, int], ...]
    """(field, bytes) in the order of the code."""
    compared: tuple[tuple[int, int], ...]
    """(field, constant) of comparisons with memory."""
    acks: tuple[int, ...]
    """Bytes that each ack clears: of Test, if it is heard, and of Wakeup."""
    call: str
    """By which call to the host an AP learns its APIC id."""


LOOPS: Final = {
    "edk2": Loop(
        ((COMMAND, 4), (ID, 4), (ID, 4), (COMMAND, 4), (COMMAND, 4), (COMMAND, 4), (VECTOR, 8)),
        ((COMMAND, NOOP), (ID, BROADCAST), (COMMAND, WAKEUP), (COMMAND, TEST),
         (COMMAND, SLEEP)),
        (8, 8), "VMCALL CPUID",
    ),
    "openhcl": Loop(((ID, 4), (COMMAND, 4), (VECTOR, 8)), (), (2,), "VMCALL RDMSR"),
    "td-shim": Loop(
        ((ID, 4), (ID, 4), (COMMAND, 4), (VECTOR, 4)), ((ID, BROADCAST),), (8,), "VMCALL CPUID",
    ),
}  # fmt: skip


def code(name: str) -> list[CsInsn]:
    """The instructions of a dialect's loop, up to its jump."""
    with (ROOT / "samples" / "dialects" / f"{name}.reset.elf").open("rb") as file:
        elf = ELFFile(file)
        (part,) = elf.iter_segments("PT_LOAD")
        table = {
            one.name: one["st_value"]
            for one in elf.get_section_by_name(".symtab").iter_symbols()
        }
        start, end = table["mailbox_wait"], table["mailbox_jump"]
        data = part.data()[start - part["p_vaddr"] : end - part["p_vaddr"]]
    engine = Cs(CS_ARCH_X86, CS_MODE_64)
    engine.detail = True
    return list(engine.disasm(data, start))


def mailbox(one: CsInsn) -> tuple[int, int] | None:
    """(field, bytes) of an instruction that touches the protocol's fields."""
    for operand in one.operands:
        at = operand.mem
        if operand.type == X86_OP_MEM and at.base == X86_REG_R13 and at.disp <= VECTOR:
            return at.disp, operand.size
    return None


def is_store(one: CsInsn) -> bool:
    return one.mnemonic.startswith("mov") and one.operands[0].type == X86_OP_MEM


@pytest.mark.parametrize("name", LOOPS)
def test_what_a_loop_loads_and_clears_is_what_its_source_does(name: str) -> None:
    touched = [(one, mailbox(one)) for one in code(name)]
    loads = [at for one, at in touched if at and not is_store(one)]
    stores = [at for one, at in touched if at and is_store(one)]
    assert tuple(loads) == LOOPS[name].loads
    assert stores == [(COMMAND, count) for count in LOOPS[name].acks]


@pytest.mark.parametrize("name", LOOPS)
def test_what_a_loop_compares_is_what_its_source_does(name: str) -> None:
    found = [
        (at[0], one.operands[1].imm & 0xFFFF_FFFF)
        for one in code(name)
        if one.mnemonic == "cmp" and (at := mailbox(one)) and one.op_str.startswith("dword")
        and not one.op_str.endswith("d")
    ]  # fmt: skip
    assert tuple(found) == LOOPS[name].compared


@pytest.mark.parametrize("name", LOOPS)
def test_no_other_firmware_pauses(name: str) -> None:
    assert "pause" not in [one.mnemonic for one in code(name)]


@pytest.mark.parametrize("name", LOOPS)
def test_an_ap_asks_for_its_id_as_its_source_does(name: str) -> None:
    session = open_session(
        str(ROOT / "samples" / "dialects" / f"{name}.elf"), platform="tdx", cpus=2
    )
    session.do("until parked")
    asked = [one.text for one in session.machine.board.logs.exits if one.cpu == 1]
    assert asked and all(LOOPS[name].call in text for text in asked), asked


@pytest.mark.parametrize("name", LOOPS)
def test_the_kernel_boots_with_another_firmware_s_mailbox_loop(name: str) -> None:
    image = str(ROOT / "samples" / "dialects" / f"{name}.elf")
    view = open_session(image, platform="tdx", cpus=4).do("run")
    assert view.outcome == "booted"
    assert ("offline" in view.serial) == (name == "edk2")  # the others take no CPU back


@pytest.mark.parametrize("command", [2, 3, 7])
@pytest.mark.parametrize("name", ["openhcl", "td-shim"])
def test_a_loop_that_knows_wakeup_only_hears_nothing_else(name: str, command: int) -> None:
    """Not Test, not Sleep, no work: the AP waits on, and hears a Wakeup all the same."""
    image = str(ROOT / "samples" / "dialects" / f"{name}.elf")
    session = open_session(image, platform="tdx", cpus=2)
    session.do("until wake_aps")
    session.do("set mailbox.apic_id=1")
    session.do(f"set mailbox.command={command}")
    session.do("step 1 40")
    assert session.view().cpus[1].symbol.startswith("mailbox_wait")
    assert f"{command:#x}" in session.do("print mailbox.command").reply[0]
    session.do("set mailbox.command=1")
    session.do("break mailbox_ack cpu 1")
    assert session.do("step 1 40").stop[0].kind == "breakpoint"
