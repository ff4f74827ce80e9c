"""The packaged kernel, booted: all its CPUs come online, one goes away and returns."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.house.tree import ROOT

pytestmark = pytest.mark.breadth  # a process for each boot; test_boot.py has them in this one
PLATFORMS = ("tdx", "vbs", "none")


def boot(platform: str, cpus: int, *options: str) -> dict[str, Any]:
    """The result of a headless run of the packaged images."""
    command = [sys.executable, "-m", "tui", "run", "--platform", platform, "--cpus", str(cpus)]
    result = subprocess.run(
        [*command, *options, "--json"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    loaded: dict[str, Any] = json.loads(result.stdout)
    return loaded


def kernel_lines(run: dict[str, Any]) -> list[str]:
    """What the kernel printed; the shim's own lines are not its."""
    return [line for line in run["serial"].splitlines() if not line.startswith("shim: ")]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_cpu_comes_online_and_one_returns(platform: str) -> None:
    lines = kernel_lines(boot(platform, 4))
    online = sorted(lines[:3])
    assert online == [f"cpu {n} (apic id {n}) online" for n in (1, 2, 3)]
    assert lines[3:] == [
        "cpu 3 offline (handed back)",
        "cpu 3 (apic id 3) online",
        "kernel: 4 of 4 cpus online",
    ]


def test_the_milestones_of_a_returning_cpu_are_in_order() -> None:
    run = boot("vbs", 2)
    wanted = ("secondary_start", "secondary_online", "secondary_idle", "mailbox_reset_vector")
    passed = [m["name"] for m in run["milestones"] if m["cpu"] == 1 and m["name"] in wanted]
    assert passed == [*wanted, *wanted[:3]]


@pytest.mark.parametrize("platform", ["vbs", "none"])
def test_without_a_mailbox_the_kernel_starts_its_cpus_by_hypercall(platform: str) -> None:
    run = boot(platform, 8, "--cmdline", "mailbox=off")
    assert kernel_lines(run)[-1] == "kernel: 8 of 8 cpus online"
    assert {m["name"] for m in run["milestones"]}.isdisjoint({"mailbox_wait"})


@pytest.mark.parametrize("platform", PLATFORMS)
def test_one_cpu_boots_alone(platform: str) -> None:
    assert kernel_lines(boot(platform, 1)) == ["kernel: 1 of 1 cpus online"]


def test_apic_ids_may_be_far_apart(tmp_path: Path) -> None:
    text = (ROOT / "samples" / "platforms" / "vbs.toml").read_text()
    text = re.sub(r"apic_ids = .*", "apic_ids = { stride = 1024 }", text)
    (tmp_path / "wide.toml").write_text(text)
    lines = kernel_lines(boot(str(tmp_path / "wide.toml"), 16))
    assert "cpu 15 (apic id 15360) online" in lines
    assert lines[-1] == "kernel: 16 of 16 cpus online"


def test_sixty_four_cpus_cost_less_than_proportionally_more() -> None:
    few, many = boot("none", 16)["ticks"], boot("none", 64)["ticks"]
    assert many < 6 * few, "waiting must not cost instructions"
