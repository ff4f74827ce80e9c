"""Stores that wait in a store buffer: late for others, at once for their own CPU, in order."""

import pytest
from emu.machine.private_bytes import Hidden

from emu import Session, open_session
from emu.hw.address import Gpa, Hpa

PLATFORMS = ("tdx", "vbs", "sipi", "none")
WAIT_NS = 20_000


def booted(platform: str, *specs: str) -> Session:
    session = open_session(platform=platform, cpus=3, max_ticks=3_000_000, inject=specs)
    session.do("run")
    return session


def when(session: Session, cpu: int, text: str) -> int:
    """Nanoseconds at which a CPU did something first."""
    events = session.machine.board.logs.events
    return next(e.virtual_ns for e in events if e.cpu == cpu and e.text == text)


def word(session: Session, gpa: int, value: int, cpu: int) -> tuple[Hpa, Hidden]:
    """A word of memory, and a store of a CPU's to it that nobody else sees yet."""
    hpa = session.machine.board.ram.hpa(gpa)
    assert hpa is not None
    before = session.machine.board.memory.read(hpa, 8)
    own = value.to_bytes(8, "little")
    return hpa, Hidden("store", cpu, Gpa(gpa), hpa, before, own, 0)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_ap_sees_the_wake_up_later_and_still_comes(platform: str) -> None:
    plain, late = booted(platform), booted(platform, f"late-stores 0 {WAIT_NS}ns")
    delay = when(late, 1, "reaches secondary_start") - when(plain, 1, "reaches secondary_start")
    assert WAIT_NS <= delay < 2 * WAIT_NS
    assert late.verdict is not None
    assert late.verdict.outcome == "booted"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_late_stores_become_visible_in_their_order(platform: str) -> None:
    session = booted(platform, f"late-stores 0 {WAIT_NS}ns")
    told = [
        e.text for e in session.machine.board.logs.events if e.kind == "mailbox" and e.cpu == 0
    ]
    assert told[:3] == [
        "mailbox apic_id = 1", "mailbox vector = secondary_start",
        "mailbox command = Wakeup (was Noop)",
    ]  # fmt: skip


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_locked_instruction_drains_the_buffer(platform: str) -> None:
    """secondary_start changes its state by `lock cmpxchg` right after the ack."""
    session = booted(platform, "late-stores 1 9s")
    ack = when(session, 1, "mailbox command = Noop (was Wakeup)")
    assert ack <= when(session, 1, "reaches secondary_online")
    assert session.verdict is not None
    assert session.verdict.outcome == "booted"


def test_a_cpu_sees_its_own_store_and_the_others_do_not() -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("until kernel_start")
    machine = session.machine
    hpa, store = word(session, 0x9000000, 7, 1)
    machine.private.hide(store)
    seen = {}
    for cpu in (0, 1, None):
        machine.private.look(cpu)
        seen[cpu] = machine.board.memory.u64(hpa)
    assert seen == {0: 0, 1: 7, None: 0}


def test_what_another_cpu_stores_meanwhile_is_not_lost() -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("until kernel_start")
    machine, views = session.machine, session.machine.private
    hpa, store = word(session, 0x9000000, 7, 1)
    views.hide(store)
    views.look(0)
    machine.board.memory.write(hpa, (9).to_bytes(8, "little"))
    views.look(1)
    assert machine.board.memory.u64(hpa) == 7
    views.look(0)
    assert machine.board.memory.u64(hpa) == 9


def test_what_a_cpu_stores_over_its_waiting_store_is_not_lost() -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("until kernel_start")
    machine, views = session.machine, session.machine.private
    hpa, store = word(session, 0x9000000, 7, 1)
    views.hide(store)
    views.look(1)
    machine.board.memory.write(hpa, (8).to_bytes(8, "little"))
    views.look(0)
    assert machine.board.memory.u64(hpa) == 0
    views.drain(1)
    assert machine.board.memory.u64(hpa) == 8


def test_an_entry_that_its_cpu_rewrites_is_no_longer_the_old_one() -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("until kernel_start")
    machine, views = session.machine, session.machine.private
    hpa, store = word(session, 0x9000000, 7, 1)
    views.hide(Hidden("translation", 1, store.gpa, hpa, store.others, store.own))
    views.look(1)
    machine.board.memory.write(hpa, (8).to_bytes(8, "little"))
    views.look(0)
    assert machine.board.memory.u64(hpa) == 8
    assert views.hidden == ()
