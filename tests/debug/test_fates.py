"""What became of every CPU, and what that makes of a run: dead, stuck and lost CPUs are told
however the guest ended, and CPUs that the host does not offer are nobody's loss."""

import json
import time
from pathlib import Path
from typing import Final

import pytest

from emu import Session, open_session
from emu.boot.dtb import host_tree
from emu.debug import report
from emu.judge.fate import fates
from emu.judge.verdict import Fate, is_over
from tests.guest import boot
from tests.platforms import load_platform
from tui.__main__ import main

POWER_OFF: Final = """
cpu0: mov ecx, 20000
work: dec ecx
    jnz work
    mov dx, 0x604
    mov ax, 0x2000
    out dx, ax
"""
"""CPU 0 switches the machine off after some time."""
OTHERS: Final[dict[str, Fate]] = {
    "cpu1: hlt": "well",
    "cpu1: sti\n hlt": "well",
    "cpu1: pause\n cmp dword ptr [{SHARED}], 1\n jne cpu1\n hlt": "well",
    "cpu1: jmp cpu1": "stuck",
    "cpu1: mov eax, [{SHARED}]\nlook: pause\n test eax, eax\n jz look\n hlt": "stuck",
}
"""What the other CPU does meanwhile, and what became of it."""


def became(session: Session) -> dict[int, Fate]:
    return fates(session.machine, over=is_over(session.verdict))


def reported(session: Session) -> report.RunReport:
    return report.of(session.desk, time.perf_counter())


@pytest.mark.parametrize("other", OTHERS)
def test_a_stuck_cpu_is_told_though_the_guest_says_that_all_is_well(other: str) -> None:
    session = boot(POWER_OFF + other, cpus=2)
    assert session.do("run").outcome == "booted"
    assert became(session) == {0: "well", 1: OTHERS[other]}
    found = reported(session)
    assert found.unwell == (OTHERS[other] != "well")
    rules = [one.rule for one in found.findings if one.rule == "cpu-stuck"]
    assert rules == ["cpu-stuck"] * found.unwell
    states = [one.state for one in found.evidence if one.state != "finding"]
    assert states == ["stuck"] * found.unwell


def test_a_dead_cpu_is_told_though_the_guest_says_that_all_is_well() -> None:
    session = boot(POWER_OFF + "cpu1: pause\n jmp cpu1", cpus=2)
    session.do("inject stop 1")
    assert session.do("run").outcome == "booted"
    assert became(session) == {0: "well", 1: "dead"}
    found = reported(session)
    assert found.unwell
    assert [one.sentence for one in found.evidence] == [
        "cpu 1 is dead: stops for ever; at cpu1"
    ]


def tree_of(tmp_path: Path, offered: int, cpus: int) -> Path:
    """A host's tree of so many CPUs, for a machine of others."""
    there, told = load_platform("tdx", cpus=cpus), load_platform("tdx", cpus=offered)
    base, size = there.memory_base, there.memory_bytes
    blob = host_tree(told, ram=((base, size),), vtl2_start=base, vtl2_bytes=size, bootargs="")
    place = tmp_path / "host.dtb"
    place.write_bytes(blob)
    return place


def test_cpus_that_the_hosts_tree_does_not_list_are_not_offered_and_not_lost(
    tmp_path: Path,
) -> None:
    tree = tree_of(tmp_path, 2, 4)
    session = open_session(platform="tdx", cpus=4, host_dtb=str(tree))
    view = session.do("run")
    assert view.outcome == "booted"
    assert view.outcome_reason == (
        "all 2 CPUs came online and the guest switched off; not offered: 2, 3"
    )
    assert became(session) == {0: "well", 1: "well", 2: "not offered", 3: "not offered"}
    found = reported(session)
    assert not found.unwell
    assert [one.sentence for one in found.evidence] == [
        "cpus 2-3 are not offered: not listed in the host's tree"
    ]


def test_a_cpu_that_the_hosts_tree_disables_is_not_offered(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, 4, 4)
    blob = tree.read_bytes()
    last = blob.rindex(b"okay\0")
    tree.write_bytes(blob[:last] + b"fail\0" + blob[last + 5 :])
    session = open_session(platform="tdx", cpus=4, host_dtb=str(tree))
    assert session.do("run").outcome == "booted"
    disabled = [cpu for cpu, fate in became(session).items() if fate == "not offered"]
    assert len(disabled) == 1
    (one,) = reported(session).evidence
    assert (
        one.sentence == f"cpu {disabled[0]} is not offered: listed as fail in the host's tree"
    )


@pytest.mark.parametrize(("offered", "code"), [(2, 0), (4, 0), (5, 1)])
def test_the_exit_code_tells_whether_the_hosts_tree_was_served(
    offered: int, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = tree_of(tmp_path, offered, 4)
    words = ["run", "--platform", "tdx", "--cpus", "4", "--host-dtb", str(tree), "--json"]
    assert main(words) == code
    said = json.loads(capsys.readouterr().out)
    assert said["outcome"] == ("degraded" if code else "booted")
    assert ("offers APIC ids that no CPU has: 0x4" in said["reason"]) == bool(code)


def test_before_the_end_nobody_is_lost() -> None:
    session = open_session(platform="tdx", cpus=4, inject=["never-starts 3"])
    session.do("until kernel_start")
    assert became(session) == {0: "well", 1: "well", 2: "well", 3: "lost"}, "it was given up"
    session.do("reverse-run")
    assert became(session) == dict.fromkeys(range(4), "well")


def test_a_tree_that_is_gone_at_the_end_withholds_nothing(tmp_path: Path) -> None:
    session = open_session(platform="tdx", cpus=4, host_dtb=str(tree_of(tmp_path, 2, 4)))
    session.do("until kernel_start")
    session.do(f"set gpa:{session.machine.board.layout.host_dtb_gpa:#x}/4=0")
    view = session.do("run")
    assert view.outcome_reason == "2 of 4 CPUs came online; lost: 2, 3"


def test_a_loop_that_reads_nothing_is_known_only_after_some_laps() -> None:
    hurry = "cpu0: mov dx, 0x604\n mov ax, 0x2000\n out dx, ax\ncpu1: jmp cpu1"
    session = boot(hurry, cpus=2)
    assert session.do("run").outcome == "booted"
    assert became(session) == {0: "well", 1: "well"}
