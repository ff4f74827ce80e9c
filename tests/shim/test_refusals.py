"""What the shim does not accept: one sentence to the host, and no step further."""

from pathlib import Path

import fdt
import pytest

from emu import open_session
from emu.boot.dtb import host_tree
from tests.platforms import load_platform


def tree(platform: str) -> fdt.FDT:
    """The host tree of three CPUs."""
    found = load_platform(platform, cpus=3)
    ram = (found.memory_base, found.memory_bytes)
    blob = host_tree(found, ram=(ram,), vtl2_start=ram[0], vtl2_bytes=ram[1], bootargs="")
    return fdt.parse_dtb(blob)


def outcome(platform: str, blob: bytes, place: Path) -> tuple[str, str]:
    """How a boot with this host tree ends."""
    place.write_bytes(blob)
    session = open_session(platform=platform, cpus=3, host_dtb=str(place))
    view = session.do("run")
    return str(view.outcome), str(view.outcome_reason)


def cpu_paths(blob: fdt.FDT) -> list[str]:
    """The paths of the CPU nodes, in order."""
    return [f"/cpus/{node.name}" for node in blob.get_node("/cpus").nodes]


@pytest.mark.parametrize("platform", ["tdx", "none"])
def test_a_host_without_a_tree_is_refused(platform: str, tmp_path: Path) -> None:
    ended, why = outcome(platform, bytes(64), tmp_path / "host.dtb")
    assert ended == "crashed"
    assert why.endswith(": host tree: no device tree (0x0)")


@pytest.mark.parametrize("platform", ["tdx", "none"])
def test_two_cpus_with_one_apic_id_are_refused(platform: str, tmp_path: Path) -> None:
    blob = tree(platform)
    blob.set_property("reg", 1, path=cpu_paths(blob)[2])
    ended, why = outcome(platform, blob.to_dtb(version=17), tmp_path / "host.dtb")
    assert ended == "crashed"
    assert why.endswith(": host tree: two cpus with one APIC id (0x1)")


def test_a_tree_without_enabled_cpus_is_refused(tmp_path: Path) -> None:
    blob = tree("none")
    for path in cpu_paths(blob):
        blob.set_property("status", "disabled", path=path)
    ended, why = outcome("none", blob.to_dtb(version=17), tmp_path / "host.dtb")
    assert ended == "crashed"
    assert why.endswith(": host tree: no cpus (0x0)")


def test_a_td_tells_its_host_nothing_but_the_sentence(tmp_path: Path) -> None:
    blob = tree("tdx").to_dtb(version=17)
    ended, why = outcome("tdx", blob[: len(blob) // 2] + bytes(64), tmp_path / "host.dtb")
    assert ended == "crashed"
    assert why.startswith("CPU 0 reported fatal error 0x1: host tree: ")


def test_properties_of_a_cpus_children_are_not_its_own(tmp_path: Path) -> None:
    blob = tree("none")
    for path in cpu_paths(blob):
        blob.set_property("reg", 0xFFFFFFFF, path=f"{path}/cache")
        blob.set_property("status", "disabled", path=f"{path}/cache")
    ended, why = outcome("none", blob.to_dtb(version=17), tmp_path / "host.dtb")
    assert (ended, why) == ("booted", "all 3 CPUs came online and the guest switched off")
