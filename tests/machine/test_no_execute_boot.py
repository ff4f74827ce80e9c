"""A boot with no-execute pages is the same to the tick as one without."""

from functools import cache

import pytest

from emu import Session, open_session

PLATFORMS = ("tdx", "vbs")
UNUSED = "0x9000000"


def booted(platform: str, place: str, moment: str, stops: int = 0) -> Session:
    """A boot in which a page becomes no-execute."""
    spec = f"npt {place} nx at {moment}"
    session = open_session(platform=platform, cpus=3, inject=(spec,))
    session.do(f"run {stops}" if stops else "run")
    while session.view().outcome is None:
        session.do(f"run {stops}")
    return session


@cache
def usual(platform: str, moment: str = "kernel_start") -> Session:
    """The same, with a page that nobody uses."""
    return booted(platform, UNUSED, moment)


def course(session: Session) -> tuple[object, ...]:
    """All that happened, and when."""
    machine = session.machine
    events = [event for event in machine.board.logs.events if event.kind != "inject"]
    assert session.view().outcome == "booted"
    return (
        machine.board.tick,
        machine.board.beat,
        machine.board.exit_counts,
        events,
        session.digest(),
    )


def used(platform: str) -> dict[str, str]:
    """Pages that a CPU needs for other things than its code."""
    machine = usual(platform).machine
    (bsp, ap), read = (
        (cpu.registers for cpu in machine.board.cpus[:2]),
        machine.board.virtual.gpa,
    )
    places = {
        "stack": read(bsp, bsp.get("rsp") - 8),
        "stack of an AP": read(ap, ap.get("rsp") - 8),
        "IDT": read(bsp, bsp.segment("idtr").base),
        "boot_params": machine.board.boot_params,
        "mailbox": machine.board.mailbox_gpa,
        "table": bsp.get("cr3"),
    }
    return {name: f"{place:#x}" for name, place in places.items() if place is not None}


@pytest.mark.breadth
@pytest.mark.parametrize("what", ["stack", "stack of an AP", "IDT", "boot_params"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_page_without_code_may_be_no_execute(platform: str, what: str) -> None:
    session = booted(platform, used(platform)[what], "kernel_start")
    assert course(session) == course(usual(platform))


@pytest.mark.parametrize("platform", ["vbs", "sipi"])
def test_the_page_that_all_aps_wait_for_may_be_no_execute(platform: str) -> None:
    session = booted(platform, used(platform)["mailbox"], "kernel_start")
    assert course(session) == course(usual(platform))


def test_the_page_with_a_td_s_mailbox_and_its_loop_refuses_the_loop() -> None:
    session = open_session(platform="tdx", cpus=3, inject=("npt mailbox nx at kernel_start",))
    session.do("run")
    assert "at mailbox_wait" in session.machine.board.crash
    assert "fetching GPA 0xfffff" in session.machine.board.crash


def test_the_root_of_the_page_tables_may_be_no_execute() -> None:
    place, moment = used("vbs")["table"], "tick 110000"
    assert course(booted("vbs", place, moment)) == course(usual("vbs", moment))


@pytest.mark.breadth
@pytest.mark.parametrize("what", ["stack", "mailbox"])
def test_no_stop_changes_a_boot_with_no_execute_pages(what: str) -> None:
    session = booted("vbs", used("vbs")[what], "kernel_start", stops=3001)
    assert course(session) == course(usual("vbs"))
