"""How a CPU caches the mailbox is what its own tables say at the store."""

from typing import Any

import pytest

from emu.hw.address import PAGE_BYTES
from emu.machine.machine import Machine
from emu.machine.mailbox_caching import mailbox_type
from emu.mailbox.observation import Stored
from tests.guest import BASE, MAILBOX, PT, PT2, Guest, finish, label, step_to

PWT, PCD, PAT = 1 << 3, 1 << 4, 1 << 7
LEAF = PT + 8 * ((MAILBOX - BASE) // PAGE_BYTES)
SOURCE = """
start: mov ebx, {MAILBOX}
    mov edx, {WINDOW}
here: mov word ptr [rbx], 1
there: mov word ptr [rdx], 2
other: mov [rsp - 8], rax
load: mov eax, [rbx]
last: hlt
"""


def machine(bits: int = 0, **more: Any) -> Machine:
    """The mailbox is mapped twice: at its GPA with these bits, and write-back in WINDOW."""
    one = Guest(SOURCE, 1, mailbox=True, **more).machine()
    one.stores.edit(LEAF, (MAILBOX | 3 | bits).to_bytes(8, "little"))
    one.stores.edit(PT2, (MAILBOX | 3).to_bytes(8, "little"))
    return one


@pytest.mark.parametrize(
    ("bits", "kind"),
    [(0, "WB"), (PWT, "WT"), (PCD, "UC-"), (PWT | PCD, "UC"), (PAT, "WB"), (PAT | PCD, "UC-")],
)
def test_it_is_that_of_the_leaf_and_the_pat(bits: int, kind: str) -> None:
    one = machine(bits)
    step_to(one, 0, "last")
    cpu = one.board.cpus[0]
    assert mailbox_type(one.board, cpu, label(one.board, "here")) == kind
    assert mailbox_type(one.board, cpu, label(one.board, "there")) == "WB"


@pytest.mark.parametrize("bits", [0, PWT, PCD, PWT | PCD, PAT | PCD])
def test_a_td_s_private_page_is_write_back_whatever_its_leaf_says(bits: int) -> None:
    """IPAT: the PAT is ignored (intel/tdx-module, map_sept_leaf; SDM 3, 29.3.7.2)."""
    one = machine(bits, platform="tdx")
    step_to(one, 0, "last")
    assert mailbox_type(one.board, one.board.cpus[0], label(one.board, "here")) == "WB"


@pytest.mark.parametrize("name", ["other", "load"])
def test_what_does_not_store_to_the_mailbox_has_none(name: str) -> None:
    one = machine()
    step_to(one, 0, "last")
    assert mailbox_type(one.board, one.board.cpus[0], label(one.board, name)) == ""


def test_where_the_registers_do_not_tell_any_more_there_is_none() -> None:
    one = machine()
    step_to(one, 0, "last")
    one.board.cpus[0].registers.put("rbx", 0)
    assert mailbox_type(one.board, one.board.cpus[0], label(one.board, "here")) == ""


def test_without_caches_all_is_uncached() -> None:
    one = machine()
    step_to(one, 0, "last")
    registers = one.board.cpus[0].registers
    registers.put("cr0", registers.get("cr0") | 1 << 30)
    assert mailbox_type(one.board, one.board.cpus[0], label(one.board, "here")) == "UC"


def test_a_store_of_the_command_is_noted_with_it() -> None:
    driver = Guest(SOURCE, 1, mailbox=True).driver()
    leaf = (MAILBOX | 3 | PCD).to_bytes(8, "little")
    driver.machine.stores.edit(LEAF, leaf)
    driver.machine.stores.edit(PT2, (MAILBOX | 3).to_bytes(8, "little"))
    board = finish(driver)
    seen = [one.memory_type for one in board.logs.observed if isinstance(one, Stored)]
    assert seen == ["UC-", "WB"]
