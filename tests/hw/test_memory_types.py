"""How a CPU caches a page, against the table of the manual (SDM 3, 12.12.3 and 12.12.4)."""

from typing import Final

import pytest

from emu import open_session
from emu.hw.context import Context
from emu.hw.memory_types import memory_type, names

DEFAULT: Final = 0x0007_0406_0007_0406
"""IA32_PAT after reset."""


@pytest.fixture(scope="module")
def context() -> Context:
    session = open_session(platform="none", cpus=1)
    session.do("until kernel_start")
    return session.machine.board.cpus[0].registers


def test_the_table_after_reset_is_that_of_the_manual() -> None:
    assert names(DEFAULT) == ("WB", "WT", "UC-", "UC") * 2


def test_a_reserved_type_has_no_name() -> None:
    assert names(0x02) == ("?", *["UC"] * 7)


@pytest.mark.parametrize(("page_bytes", "pat_bit"), [(4096, 7), (2 << 20, 12)])
@pytest.mark.parametrize("index", range(8))
def test_pat_pcd_and_pwt_choose_one_of_eight(
    context: Context, index: int, page_bytes: int, pat_bit: int
) -> None:
    pat = context.get("pat")
    context.put("pat", 0x0706_0504_0100_0407)  # every type there is, and all places differ
    leaf = 0x8000_0000_0840_0063 | (index & 3) << 3 | (index >> 2) << pat_bit
    wanted = ("UC-", "WT", "UC", "WC", "WT", "WP", "WB", "UC-")[index]
    assert memory_type(context, leaf, page_bytes) == wanted
    context.put("pat", pat)


def test_a_cpu_with_its_cache_disabled_caches_nothing(context: Context) -> None:
    cr0 = context.get("cr0")
    assert memory_type(context, 0x63, 4096) == "WB"
    context.put("cr0", cr0 | 1 << 30)
    assert memory_type(context, 0x63, 4096) == "UC"
    context.put("cr0", cr0)
