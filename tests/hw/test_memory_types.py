"""How a CPU caches a page, against the table of the manual (SDM 3, 12.12.3 and 12.12.4)."""

from dataclasses import replace
from typing import Final

import pytest

from emu import open_session
from emu.hw.memory_types import memory_type, names
from emu.hw.paging import walk_context
from emu.machine.machine import Machine

DEFAULT: Final = 0x0007_0406_0007_0406
"""IA32_PAT after reset."""
PLACE: Final = "kernel_start"


@pytest.fixture(scope="module")
def machine() -> Machine:
    session = open_session(platform="none", cpus=1)
    session.do("until kernel_start")
    return session.machine


def test_the_table_after_reset_is_that_of_the_manual() -> None:
    assert names(DEFAULT) == ("WB", "WT", "UC-", "UC") * 2


def test_a_reserved_type_has_no_name() -> None:
    assert names(0x02) == ("?", *["UC"] * 7)


@pytest.mark.parametrize(("page_bytes", "pat_bit"), [(4096, 7), (2 << 20, 12)])
@pytest.mark.parametrize("index", range(8))
def test_pat_pcd_and_pwt_choose_one_of_eight(
    machine: Machine, index: int, page_bytes: int, pat_bit: int
) -> None:
    context = machine.cpus[0].registers
    walk = walk_context(
        machine.memory, machine.npt, context, machine.layout.symbols.find(PLACE)[0]
    )
    bits = (index & 3) << 3 | (index >> 2) << pat_bit
    leaf = walk.levels[-1]
    clear = leaf.value & ~(3 << 3 | 1 << pat_bit)
    changed = replace(
        walk,
        levels=(*walk.levels[:-1], replace(leaf, value=clear | bits)),
        page_bytes=page_bytes,
    )
    assert memory_type(context, changed) == names(context.get("pat"))[index]


def test_a_cpu_with_its_cache_disabled_caches_nothing(machine: Machine) -> None:
    context = machine.cpus[0].registers
    walk = walk_context(
        machine.memory, machine.npt, context, machine.layout.symbols.find(PLACE)[0]
    )
    cr0 = context.get("cr0")
    assert memory_type(context, walk) == "WB"
    context.put("cr0", cr0 | 1 << 30)
    assert memory_type(context, walk) == "UC"
    context.put("cr0", cr0)


def test_a_page_that_is_not_there_has_no_type(machine: Machine) -> None:
    context = machine.cpus[0].registers
    walk = walk_context(machine.memory, machine.npt, context, 0x7FFF_FFFF_F000)
    assert memory_type(context, walk) == ""
