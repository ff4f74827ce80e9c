"""What injections into CPUs do to the guest."""

import pytest

from emu import Session
from emu.machine.event import Arrival, Event
from tests.injections.booting import (
    PLATFORMS,
    booted,
    broken,
    happened,
    having,
    milestones,
    reached_ns,
    serial,
)

everywhere = pytest.mark.parametrize("platform", PLATFORMS)


@everywhere
def test_a_cpu_that_never_starts_executes_nothing(platform: str) -> None:
    session = booted("never-starts 2", platform=platform)
    assert session.machine.board.cpus[2].ticks == 0
    assert "cpu 2 lost: it never arrived" in serial(session)
    assert "kernel: 3 of 4 cpus online" in serial(session)


@everywhere
def test_a_cpu_that_starts_late_arrives_so_much_later(platform: str) -> None:
    healthy = reached_ns(booted(platform=platform), 2, "mailbox_wait")
    late = reached_ns(booted("late-start 2 5ms", platform=platform), 2, "mailbox_wait")
    assert late - healthy == pytest.approx(5_000_000, abs=1_000)


@everywhere
def test_a_cpu_that_stops_does_not_hear_its_wake_up(platform: str) -> None:
    session = booted("stop 2 at mailbox_wait cpu 2", platform=platform)
    assert milestones(session, 2)[-1] == "mailbox_wait"
    assert "cpu 2: no ack" in serial(session)


def test_a_cpu_that_is_taken_away_was_not_taken_in_vain() -> None:
    assert booted("take-away 2").machine.injected.idle == ()
    assert booted("lose-ipi sipi 2 9", platform="sipi").machine.injected.idle == ()
    assert booted("status MapGPU 5").machine.injected.idle == ("status MapGPU 5",)


def test_a_stopped_cpu_is_not_started_again_by_init_and_sipi() -> None:
    session = booted("stop 2 at start_aps", platform="sipi")
    assert session.machine.board.cpus[2].ticks == 0


def test_a_stalled_cpu_does_nothing_for_so_long() -> None:
    spec = "stall 1 400us at mailbox_ack cpu 1"
    late = reached_ns(booted(spec), 1, "secondary_start")
    assert late - reached_ns(booted(), 1, "secondary_start") >= 400_000


def test_a_slow_core_takes_as_many_times_as_long() -> None:
    def between(*specs: str) -> int:
        session = booted(*specs)
        first = reached_ns(session, 2, "mailbox_jump")
        return reached_ns(session, 2, "secondary_start") - first

    assert between("slow 2 50") == pytest.approx(50 * between(), rel=0.3)


def arrivals(session: Session, cpu: int, text: str) -> list[Event]:
    """What came to a CPU, or was dropped there."""
    return [
        one for one in session.machine.board.logs.events
        if one.cpu == cpu and isinstance(one.detail, Arrival) and text in one.text
    ]  # fmt: skip


def test_a_lost_sipi_leaves_it_to_the_second() -> None:
    session = booted("lose-ipi sipi 2", platform="sipi")
    assert len(happened(session, "sends SIPI 0x9e to cpu 2")) == 2, "both are sent"
    assert len(arrivals(session, 2, "SIPI 0x9e from cpu 0 arrives: it starts")) == 1
    assert len(arrivals(session, 2, "is dropped")) == 0
    assert session.view().outcome == "booted"
    lost = booted("lose-ipi sipi 2 9", platform="sipi")
    assert lost.machine.board.cpus[2].ticks == 0


def test_ipis_that_arrive_twice() -> None:
    session = booted("twice-ipi sipi 2", platform="sipi")
    healthy = booted(platform="sipi")
    extra = "is dropped: cpu 2 is not waiting for one"
    assert len(arrivals(session, 2, extra)) == len(arrivals(healthy, 2, extra)) + 1
    twice = booted("twice-ipi init 2", platform="sipi")
    assert len(arrivals(twice, 2, "INIT from cpu 0 arrives")) == 2
    assert len(happened(twice, "sends INIT to cpu 2")) == 1


def test_an_init_that_comes_late_takes_the_cpu_out_of_the_mailbox_loop() -> None:
    session = booted("late-ipi init 2 15ms", platform="sipi")
    assert "mailbox_wait" in milestones(session, 2)
    (arrival,) = arrivals(session, 2, "INIT from cpu 0 arrives")
    (sent,) = (e for e in session.machine.board.logs.events if "sends INIT to cpu 2" in e.text)
    assert arrival.tick > sent.tick
    assert arrival.virtual_ns > reached_ns(session, 2, "mailbox_wait")


@everywhere
def test_an_interrupt_is_taken_only_where_interrupts_are_on(platform: str) -> None:
    session = booted("interrupt 2 0x40 at mailbox_wait cpu 2", platform=platform)
    assert session.view().outcome == "booted"
    assert session.machine.board.vmm.vps[2].pending == 1 << 0x40


@everywhere
def test_an_nmi_is_taken_in_the_mailbox_loop_and_noted(platform: str) -> None:
    session = booted("nmi 2 at mailbox_wait cpu 2", platform=platform)
    assert happened(session, "NMI at mailbox_wait")
    assert "cpu 2 lost: it took an exception, status 0x2" in serial(session)


@everywhere
def test_a_cpu_with_a_wrong_apic_id_is_not_used(platform: str) -> None:
    session = booted("apic-id 2 0x77", platform=platform)
    assert "secondary_online" not in milestones(session, 2)
    assert "shim: cpu 2 lost: " in serial(session)


@pytest.mark.parametrize("platform", having("vp-index"))
def test_a_wrong_vp_index_starts_another_cpu(platform: str) -> None:
    session = booted("vp-index 2 3", platform=platform)
    assert session.machine.board.cpus[2].ticks == 0
    assert not happened(session, "starts cpu 2")
    assert happened(session, "starts cpu 3")


@everywhere
@pytest.mark.parametrize("side", ["ahead", "behind"])
def test_a_skewed_clock_is_what_the_kernel_measures(platform: str, side: str) -> None:
    session = booted(f"skew 2 50us {side}", platform=platform)
    (line,) = [one for one in serial(session).splitlines() if "clock" in one]
    assert line.startswith(f"cpu 2: clock {side} by ")
    assert int(line.split()[-1]) == pytest.approx(100_000, rel=0.1)  # at 2 GHz


def test_a_clock_drifts_from_the_moment_of_the_injection_on() -> None:
    def ahead(spec: str) -> int:
        (line,) = [one for one in serial(booted(spec)).splitlines() if "clock" in one]
        return int(line.removeprefix("cpu 2: clock ahead by "))

    assert ahead("drift 2 200_000") > 50 * ahead("drift 2 200_000 at wake_aps")


def test_a_flipped_bit_of_a_register_is_another_value() -> None:
    session = broken("flip-register 2 r14 3 at mailbox_jump cpu 2", cpus=3)
    session.do("break mailbox_jump cpu 2")
    session.do("run")
    flipped = session.machine.board.cpus[2].registers.get("r14")
    vector = session.machine.board.layout.symbols.find("secondary_start")[0]
    assert flipped == vector ^ 8


@everywhere
def test_a_cpu_that_is_taken_away_has_seen_its_command_and_never_acks(platform: str) -> None:
    session = booted("take-away 2", platform=platform)
    assert milestones(session, 2)[-1] == "mailbox_ack"
    assert "cpu 2: no ack" in serial(session)


@everywhere
def test_a_cpu_that_is_unplugged_cannot_be_started(platform: str) -> None:
    session = booted("unplug 3", platform=platform)
    assert session.machine.board.cpus[3].ticks == 0
    why = "it never arrived" if platform == "sipi" else "the host refused to start it"
    assert f"cpu 3 lost: {why}" in serial(session)
