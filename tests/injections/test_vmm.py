"""What a VMM that fails, lies, is late or hands over nonsense does to the guest."""

import pytest

from emu.debug.session import Session
from tests.injections.booting import PLATFORMS, booted, broken, happened, having, serial

everywhere = pytest.mark.parametrize("platform", PLATFORMS)
calling = pytest.mark.parametrize("platform", having("status"))


def made(session: Session, name: str) -> int:
    """How often a call was made."""
    return sum(name in event.text for event in session.machine.board.logs.exits)


@calling
def test_a_call_that_fails_once_is_made_again(platform: str) -> None:
    name = "StartVirtualProcessor"
    session = booted(f"status {name} 0xb", platform=platform)
    assert made(session, name) == made(booted(platform=platform), name) + 1
    assert session.view().outcome == "booted"


@calling
def test_a_call_that_always_fails_gives_its_status_to_the_guest(platform: str) -> None:
    session = booted("status StartVirtualProcessor 0xb 99", platform=platform)
    assert serial(session).count("the host refused to start it, status 0xb") == 3


def test_what_was_refused_was_not_done() -> None:
    session = booted("status MapGPA 1", platform="tdx")
    assert "shim: refused: MapGPA does not share the hypercall page" in serial(session)


def test_a_call_that_is_carried_out_twice_has_its_effect_twice() -> None:
    session = booted("twice IO 3", platform="tdx")
    assert serial(session).startswith("sshhiim: ")


@pytest.mark.parametrize("platform", having("twice"))
def test_a_start_that_is_carried_out_twice_starts_the_cpu_again(platform: str) -> None:
    session = booted("twice StartVirtualProcessor", platform=platform)
    assert len(happened(session, "starts cpu 1")) == 2


@calling
def test_a_late_call_takes_its_time(platform: str) -> None:
    late = booted("late StartVirtualProcessor 300ms", platform=platform).machine.board.now_ps()
    assert late - booted(platform=platform).machine.board.now_ps() >= 299 * 10**9


@pytest.mark.parametrize(
    ("platform", "call", "register"),
    [
        ("tdx", "EnableVpVtl", "r11"),
        ("vbs", "GetVpIndexFromApicId", "rax"),
        ("none", "GetVpIndexFromApicId", "rax"),
    ],
)
def test_a_lie_is_what_the_guest_reads(platform: str, call: str, register: str) -> None:
    session = booted(f"lie {call} {register} 5", platform=platform)
    assert made(session, call) == made(booted(platform=platform), call) + 1  # it asks again


@everywhere
def test_an_msr_lies_to_one_cpu_only(platform: str) -> None:
    session = booted("msr-lie 0x802 0x55 2", platform=platform)
    assert "shim: cpu 2 lost: it has another APIC id, status 0x55" in serial(session)
    assert "cpu 1 (apic id 1) online" in serial(session)


@everywhere
def test_cpuid_lies(platform: str) -> None:
    session = booted("cpuid-lie 0x15 ebx 0", platform=platform)
    assert "shim: refused: CPUID 0x15 gives no TSC frequency" in serial(session)


@pytest.mark.parametrize("how", ["none", "no-ram"])
@everywhere
def test_an_os_without_memory_says_so(platform: str, how: str) -> None:
    session = booted(f"memory-map {how}", platform=platform)
    assert "kernel: refused: no usable device tree" in serial(session)


@everywhere
def test_a_map_without_reservations_is_found(platform: str) -> None:
    session = booted("memory-map all-ram", platform=platform)
    assert {"mailbox-reserved", "tables-reserved"} <= {f.rule for f in session.findings()}


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("missing-node", "host tree: no cpus"),
        ("bad-reg", "host tree: a cpu without a valid reg"),
        ("truncated", "host tree: no device tree"),
        ("duplicate-id", "host tree: two cpus with one APIC id"),
        ("many", "host tree: more cpus than there is room for (0x800)"),
    ],
)
@everywhere
def test_a_wrong_tree_is_refused_with_a_reason(platform: str, how: str, said: str) -> None:
    session = booted(f"host-tree {how}", platform=platform)
    assert f"shim: refused: {said}" in serial(session)


def test_a_tree_that_the_shim_has_read_cannot_be_changed() -> None:
    session = broken("host-tree truncated at shim_main")
    session.do("run")
    (one,) = session.machine.injected.fired
    assert "only at power-on" in one.problem
    assert session.view().outcome == "booted"


@pytest.mark.parametrize(
    ("how", "said", "outcome"),
    [
        ("missing-node", "kernel: refused: no usable device tree", "hung"),
        ("truncated", "kernel: refused: no usable device tree", "hung"),
        ("bad-reg", "cpu 3: no ack", "degraded"),
        ("duplicate-id", "cpu 0: no ack", "degraded"),
        ("no-mailbox", "kernel: 1 of 4 cpus online", "degraded"),
    ],
)
@everywhere
def test_a_wrong_tree_of_the_kernel_costs_cpus_or_is_refused(
    platform: str, how: str, said: str, outcome: str
) -> None:
    session = booted(f"kernel-tree {how}", platform=platform)
    assert said in serial(session)
    assert session.view().outcome == outcome


@everywhere
def test_an_os_that_wakes_itself_is_not_answered_by_itself(platform: str) -> None:
    session = booted("kernel-tree duplicate-id", platform=platform)
    assert [(f.rule, f.cpu) for f in session.findings()] == [("command-answered", 0)]


def test_a_tree_of_the_kernel_can_be_changed_once_it_is_there() -> None:
    session = broken("kernel-tree truncated at shim_main")
    session.do("run")
    (one,) = session.machine.injected.fired
    assert "the kernel has no device tree yet" in one.problem
