"""The sample shim brings every CPU online, on every platform, and says how it went."""

import pytest

from emu import open_session
from emu.boot.dtb import read_tree, wakeup_mailbox_problems
from emu.machine.handover import ap_record


@pytest.mark.parametrize("platform", ["tdx", "vbs", "none", "sipi"])
@pytest.mark.parametrize("cpus", [1, 2, 4, 16])
def test_every_cpu_comes_online(platform: str, cpus: int) -> None:
    session = open_session(platform=platform, cpus=cpus)
    view = session.do("run")
    who = "the only CPU" if cpus == 1 else f"all {cpus} CPUs"
    assert view.outcome == "booted"
    assert view.outcome_reason == f"{who} came online and the guest switched off"
    assert {cpu.state for cpu in view.cpus} == {"online"}
    assert f"kernel: {cpus} of {cpus} cpus online" in view.serial


@pytest.mark.breadth
@pytest.mark.parametrize(
    ("platform", "cpus"), [("tdx", 255), ("vbs", 256), ("sipi", 256), ("tdx", 1024)]
)
def test_many_cpus_come_online(platform: str, cpus: int) -> None:
    view = open_session(platform=platform, cpus=cpus).do("run")
    assert view.outcome == "booted"
    assert all(cpu.state == "online" for cpu in view.cpus)


@pytest.mark.parametrize("platform", ["tdx", "vbs", "none", "sipi"])
def test_the_kernels_tree_passes_the_mailbox_binding(platform: str) -> None:
    session = open_session(platform=platform, cpus=4)
    session.do("run")
    tree = read_tree(session.kernel_dtb())
    assert tree.broken == ""
    assert wakeup_mailbox_problems(tree) == ()
    cpus = tree.find("/cpus")
    assert cpus is not None
    found = [(node.get("reg"), node.get("status")) for node in cpus.children]
    assert [reg.cells for reg, _ in found if reg] == [(0,), (1,), (2,), (3,)]
    assert [status.text for _, status in found if status] == ["okay"] * 4


@pytest.mark.parametrize("platform", ["none", "vbs"])
def test_without_a_mailbox_the_kernel_starts_cpus_by_hypercall(platform: str) -> None:
    session = open_session(platform=platform, cpus=4, cmdline="mailbox=off")
    view = session.do("run")
    assert view.outcome == "booted"
    assert not any(event.kind == "mailbox" for event in session.machine.board.logs.events)


def test_a_kernel_that_only_halts_is_a_hang_with_evidence() -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("until kernel_start")
    session.machine.stores.edit(session.machine.board.cpus[0].registers.rip, b"\xf4\xeb\xfd")
    view = session.do("run")
    assert view.outcome == "hung"
    assert "1 halted (0)" in view.outcome_reason
    assert "1 waiting (1)" in view.outcome_reason


def test_a_limit_of_ticks_is_its_own_outcome() -> None:
    view = open_session(cpus=2, max_ticks=5_000).do("run")
    assert (view.outcome, view.tick) == ("limit", 5_000)


def test_the_shims_own_records_are_read_from_its_debug_information() -> None:
    session = open_session(platform="tdx", cpus=4)
    session.do("until kernel_start")
    records = [ap_record(session.machine.board, cpu) for cpu in session.machine.board.cpus]
    assert records[0] is None
    states = [(record.state, record.reason) for record in records[1:] if record]
    assert states == [("AP_WAIT_FOR_WAKEUP", "REASON_NONE")] * 3
