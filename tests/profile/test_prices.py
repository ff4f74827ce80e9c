"""Every price has a source and a range, and says so where it has none."""

from pathlib import Path

import pytest

from emu.profile.basis import Basis
from emu.profile.price_table import price_table
from emu.profile.prices import distance, prices_for, prices_of
from tests.boot.test_platform import LEAST, written
from tests.boot.test_topology import BIG, HYBRID
from tests.guest import Guest
from tests.platforms import load_platform

PUBLISHED = {
    "exit_ns": (840, 3_000, "2,528 cycles"),
    "hypercall_ns": (840, 50_000, "at most 50 us"),
    "line_smt_ns": (8, 8, "core-to-core-latency"),
    "line_cluster_ns": (23, 23, "Milan"),
    "line_socket_ns": (47, 107, "Ice Lake 51"),
    "line_across_ns": (108, 197, "Cascade Lake 134"),
    "mwait_c1_ns": (1_000, 2_000, "intel_idle"),
    "mwait_c6_ns": (128_000, 290_000, "intel_idle"),
    "mwait_c8_ns": (260_000, 260_000, "intel_idle"),
    "mwait_c10_ns": (660_000, 660_000, "intel_idle"),
    "ipi_ns": (2_200, 2_500, "4180bf1b"),
    "accept_4k_ns": (250, 14_300, "8 GiB on one CPU in 24 s"),
}
"""nviennot/core-to-core-latency (README, tables of medians); Linux drivers/idle/intel_idle.c;
Linux commits named; Hyper-V documentation of hypercalls; of 4 KiB the upper end alone:
8 GiB in 30 s (asterinas, pull request 1691) are 14.3 us each."""
UNPUBLISHED = ("tdcall_ns", "accept_2m_ns", "hlt_wake_ns")


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_price_has_its_range_and_source(name: str) -> None:
    low, high, source = PUBLISHED[name]
    found = prices_of(load_platform("none"))[name]
    assert (found.low, found.high) == (low, high) and source in found.source
    assert low <= found.value <= high


@pytest.mark.parametrize("name", UNPUBLISHED)
def test_a_price_without_a_source_says_so(name: str) -> None:
    rows = [
        line
        for line in price_table(Basis(Guest("hlt", 1, "tdx").machine())).lines()
        if line.startswith(name)
    ]
    assert len(rows) == 1 and rows[0].endswith("; no public figure")


def test_a_platforms_own_price_and_its_source(tmp_path: Path) -> None:
    text = (
        LEAST
        + """
[time]
exit_ns = 900
tdcall_ns = 9_000
[prices.line_smt_ns]
ns = 9
source = "by hand"
[prices.line_socket_ns]
ns = 60
[prices.io_ns]
low = 1
"""
    )
    found = prices_of(load_platform(written(tmp_path, text)))
    one = found["line_smt_ns"]
    assert (one.value, one.low, one.high, one.source) == (9, 9, 9, "by hand")
    assert (found["exit_ns"].value, found["exit_ns"].low, found["exit_ns"].high) == (
        900,
        840,
        3000,
    )
    assert found["exit_ns"].source.startswith("the platform's own value, without a source")
    assert (found["tdcall_ns"].low, found["tdcall_ns"].high) == (9_000, 9_000)
    assert "Ice Lake" in found["line_socket_ns"].source, "the range is the published one's"
    assert (found["io_ns"].value, found["io_ns"].low, found["io_ns"].high) == (1_000, 1, 3_000)


def test_a_core_type_has_prices_of_its_own(tmp_path: Path) -> None:
    platform = load_platform(written(tmp_path, HYBRID))
    found = [prices_for(platform, cpu)["mwait_c6_ns"] for cpu in (0, 1)]
    assert [one.value for one in found] == [290_000, 195_000]
    assert found[1].source == "core type little of the platform"


def test_distances(tmp_path: Path) -> None:
    assert distance(load_platform("none"), 0, 3) == "socket", "of which nothing is said"
    assert distance(load_platform(written(tmp_path, BIG)), 0, 12) == "across"
