"""CPUs lie where the platform's file says, and every mistake in it is named."""

from pathlib import Path

import pytest

from emu import open_session
from emu.boot.topology import Spot, Topology
from tests.boot.test_platform import LEAST, complaint, written
from tests.platforms import load_platform

BIG = (
    LEAST
    + """
[topology]
packages = 2
clusters = 2
cores = 3
threads = 2
"""
)
TWO_TYPES = "[topology]\ntypes = [{ name = 'a' }, "
HYBRID = (
    LEAST
    + """
[topology]
cores = 4

[[topology.types]]
name = "big"

[[topology.types]]
name = "little"
core = "atom"
cores = 3
speed = 0.5
start_vp_ns = 40_000
prices = { mwait_c6_ns = 195_000 }
"""
)


def test_ids_are_made_of_places(tmp_path: Path) -> None:
    """SDM 3A, 9.9.1: each field is as wide as its largest number needs, so ids have gaps."""
    platform = load_platform(written(tmp_path, BIG))
    assert platform.cpus == 24
    assert platform.apic_ids[:8] == (0, 1, 2, 3, 4, 5, 8, 9), "three cores take two bits"
    assert platform.apic_ids[12] == 16, "the second package"
    lie = platform.topology
    assert lie is not None
    assert lie.spot(23) == Spot(1, 1, 2, 1)
    assert [lie.distance(0, other) for other in (1, 2, 6, 12)] == [
        "smt", "cluster", "socket", "across",
    ]  # fmt: skip


def test_a_package_of_one_cluster_is_a_socket() -> None:
    assert Topology(cores=4).distance(0, 3) == "socket"


def test_types_repeat_over_the_cores(tmp_path: Path) -> None:
    platform = load_platform(written(tmp_path, HYBRID))
    assert platform.speeds == (1.0, 0.5, 0.5, 0.5)
    assert [platform.starts_in_ns(cpu, "start_vp_ns") for cpu in (0, 1)] == [20_000, 40_000]
    assert platform.starts_in_ns(1, "sipi_ns") == 10_000, "of which nothing is said"


def test_fewer_cpus_than_places_are_taken_in_order(tmp_path: Path) -> None:
    assert load_platform(written(tmp_path, BIG), cpus=7).apic_ids == (0, 1, 2, 3, 4, 5, 8)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[topology]\ncores = 0\n", "topology.cores must be a whole number from 1 to 2,048"),
        ("[topology]\npackages = 64\ncores = 64\n", "topology: 4,096 CPUs, at most 2,048"),
        ("[topology]\nrows = 1\n", "topology.rows: there is no such key"),
        ("[topology]\ntypes = []\n", "topology.types must be tables, each with a name"),
        *(
            (
                f"[topology]\ntypes = [{{ name = 'a' }}, {{ {row} }}]\n",
                f"topology.types[1]{said}",
            )
            for row, said in (
                ("speed = 1", ".name must be one line of text, got nothing"),
                ("name = ''", ".name must be one line of text, got ''"),
                ("name = 'a'", ".name: another type has it"),
                ("name = 'b', prices = { x = 1 }", ".prices.x: there is no such key"),
                ("name = 'b', prices = { exit_ns = 1 }", ".prices.exit_ns: there is no such"),
                ("name = 'b', prices = { ipi_ns = nan }", ".prices.ipi_ns must be from 0 to"),
                ("name = 'b', prices = 7", ".prices must be a table"),
                ("name = 'b', core = 'z80'", ".core must be one of core, atom, got 'z80'"),
                ("name = 'b', cores = 0", ".cores must be a whole number from 1 to 2,048"),
                ("name = 'b', speed = inf", ".speed must be from 0.01 to 100, got inf"),
                ("name = 'b', sipi_ns = -1", ".sipi_ns must be a whole number from 0"),
                ("name = 'b', colour = 1", ".colour: there is no such key"),
            )
        ),
        ("[topology]\ntypes = [4]\n", "topology.types[0] must be a table"),
        (
            "[topology]\ncores = 2\n[cpus]\napic_ids = [0, 1]\n",
            "beside [topology], which makes",
        ),
        (
            "[topology]\ncores = 2\n[cpus]\ncount = 3\n",
            "count must be a whole number from 1 to 2",
        ),
        ("[prices]\nx = 1\n", "prices.x: there is no such key"),
        (
            "[prices]\nline_smt_ns = 9\n",
            "line_smt_ns must be a table of ns, low, high and source",
        ),
        ("[prices.exit_ns]\nns = 9\n", "low not above high; its value is time.exit_ns"),
        ("[prices.line_smt_ns]\nlow = 9\nhigh = 8\n", "low not above high"),
        (
            "[prices.line_smt_ns]\nns = 4\nlow = 9\nhigh = 10\n",
            "line_smt_ns must be a range with its value in it, and ns is 4, got",
        ),
        ("[prices.line_smt_ns]\nlow = 9\n", "and ns is 8, got"),
        ("[prices.exit_ns]\nhigh = 900\n", "and time.exit_ns is 1,000, got"),
        ("[prices.power_c6]\nns = 1\n", "power_c6 must be a table of power, low, high and"),
        ("[prices.line_smt_ns]\nns = -1\n", "must be a table"),
        ("[prices.line_smt_ns]\nsource = 1\n", "must be a table"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, said: str) -> None:
    assert said in complaint(tmp_path, LEAST + text)


def test_no_more_cpus_than_places(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="--cpus: 1 to 24, got 25"):
        load_platform(written(tmp_path, BIG), cpus=25)


def test_big_and_little_cores_come_online(tmp_path: Path) -> None:
    """The whole boot of the shim; what a little core executes takes it twice as long."""
    session = open_session(platform=written(tmp_path, HYBRID), cpus=4)
    session.do("run")
    cpus = session.machine.board.cpus
    assert session.picture().outcome == "booted"
    assert [cpu.ps_per_instruction for cpu in cpus] == [500, 1000, 1000, 1000]
    logs = session.machine.board.logs
    begun = [one.to_ps - 40_000_000 for one in logs.woken if one.why == "started"]
    asked = [one.virtual_ns for one in logs.events if "starts cpu" in one.text]
    assert [ps // 1000 for ps in begun] == asked and len(asked) == 3
