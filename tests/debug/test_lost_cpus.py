"""A CPU that never comes is asked again, then given up with a reason, and the boot goes on."""

from pathlib import Path

import pytest

from emu import open_session
from emu.boot.dtb import host_tree, read_tree
from tests.platforms import load_platform

LOST = 2
"""The host's tree lists CPUs 0 to 2; the machine has only 0 and 1."""


@pytest.mark.parametrize(
    ("platform", "why"),
    [
        ("tdx", "the host refused to start it, status 0xe"),
        ("vbs", "the host refused to start it, status 0xe"),
        ("sipi", "it never arrived"),
    ],
)
def test_a_cpu_that_does_not_exist_is_lost_with_a_reason(
    platform: str, why: str, tmp_path: Path
) -> None:
    there = load_platform(platform, cpus=2)
    told = load_platform(platform, cpus=3)
    base, size = there.memory_base, there.memory_bytes
    blob = host_tree(told, ram=((base, size),), vtl2_start=base, vtl2_bytes=size, bootargs="")
    tree = tmp_path / "host.dtb"
    tree.write_bytes(blob)
    session = open_session(platform=platform, cpus=2, host_dtb=str(tree))
    view = session.do("run")
    assert view.outcome == "degraded"
    assert view.outcome_reason == (
        "2 of 2 CPUs came online; the host's tree offers APIC ids that no CPU has: 0x2"
    )
    assert f"shim: cpu {LOST} lost: {why}" in view.serial
    cpus = read_tree(session.kernel_dtb()).find("/cpus")
    assert cpus is not None
    statuses = [found.text for node in cpus.children if (found := node.get("status"))]
    assert statuses == ["okay", "okay", "fail"]
    assert f"cpu {LOST}: {why.partition(',')[0]}" in view.serial  # the kernel read the reason
