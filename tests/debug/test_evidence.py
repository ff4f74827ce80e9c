"""A boot that comes to nothing says why: proof where there is one, and slow is not stuck."""

from pathlib import Path

from benchmarks import guest
from emu import Session, open_session
from emu.judge.evidence import evidence
from emu.judge.verdict import Evidence

UNBOUNDED = "samples/gallery/unbounded-wait.elf"
ATTEMPTS = 2
"""How often the shim asks for an AP."""
HEADER_BYTES, RFLAGS = 16, 16
"""Of StartVirtualProcessor's input, and within the context behind it (TLFS, 7.8.1 and
HV_INITIAL_VP_CONTEXT)."""


def told(session: Session) -> list[Evidence]:
    """What the end of a run says."""
    found = evidence(session.machine, session.verdict, session.findings(), session.timeline)
    return list(found)


def ran(platform: str, *inject: str, image: str | None = None, cpus: int = 4) -> Session:
    session = open_session(image, platform=platform, cpus=cpus, inject=inject)
    session.do("run")
    return session


def test_a_healthy_boot_leaves_no_evidence() -> None:
    for platform in ("tdx", "vbs", "sipi", "none"):
        assert told(ran(platform)) == [], platform


def test_a_hung_boot_names_the_rule_the_cpus_and_the_last_progress() -> None:
    session = ran("vbs", "never-starts 2", image=UNBOUNDED)
    view = session.view()
    assert view.outcome == "hung"
    assert "3 waiting (0, 1, 3); 1 off (2)" in view.outcome_reason
    said = told(session)
    assert [(one.state, one.cpus) for one in said] == [
        ("finding", (0,)), ("stuck", (0,)), ("parked", (1, 3)), ("off", (2,)), ("progress", ()),
    ]  # fmt: skip
    assert said[0].sentence.startswith("cpu 0 broke bounded-wait at wait_for_aps+")
    stuck = said[1]
    assert stuck.last == "reaches wait_for_aps" and stuck.last_writer == 0
    assert stuck.next.startswith("a store of cpu 2 after which ")
    assert (
        "cpus 1, 3 are parked; at mailbox_wait+0x10 (shim/mailbox_loop.inc:" in said[2].sentence
    )
    assert said[2].waits_for == "mailbox command == 1 or == 2"
    assert "nobody has written it since power-on" in said[2].sentence
    assert "VP 2 starts at 0x84" in said[3].last, "what was last done for it"
    assert said[4].sentence.startswith("last progress: cpu 3 reaches mailbox_wait (tick ")


def test_a_wait_names_the_cpu_that_could_end_it_and_what_that_one_does() -> None:
    session = ran("vbs", "stop 0 at secondary_online cpu 1", cpus=3)
    assert session.view().outcome == "hung"
    dead, _, parked, _ = told(session)
    assert dead.sentence.startswith("cpu 0 is dead: stops for ever; at wake_cpu+")
    assert parked.cpus == (2,) and parked.last_writer == 1
    assert "last written by cpu 1 at tick" in parked.sentence
    assert ", which waits itself at " in parked.sentence


def test_a_degraded_boot_tells_of_the_cpu_that_was_lost() -> None:
    (lost,) = told(ran("tdx", "never-starts 3"))
    assert (lost.state, lost.cpus) == ("lost", (3,))
    assert lost.sentence.startswith(
        "cpu 3 is lost: given up by the firmware (REASON_TIMEOUT); last: cpu 0 hypercall "
        "StartVirtualProcessor: VP 3 starts at the reset vector (tick "
    )


def test_a_start_that_the_host_refused_is_told_in_its_words_of_all_whom_it_befell() -> None:
    (lost,) = told(ran("vbs", "status StartVirtualProcessor 0x50 9"))
    assert (lost.state, lost.cpus) == ("lost", (1, 2, 3))
    assert lost.refused.startswith("hypercall StartVirtualProcessor: VP 1 starts at ")
    assert lost.refused.endswith("refused with 0x50 (injected)")


def test_what_the_host_dislikes_in_a_start_context_is_in_the_end_of_the_run() -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("break hypercall_page if rcx == 0x99")
    for _ in range(ATTEMPTS):
        session.do("run")
        context = session.machine.board.cpus[0].registers.get("rdx") + HEADER_BYTES
        session.do(f"set gpa:{context + RFLAGS:#x}/8=0")
    session.do("run")
    (lost,) = told(session)
    assert (lost.state, lost.cpus) == ("lost", (1,))
    assert lost.refused == (
        "hypercall StartVirtualProcessor: VP 1: RFLAGS 0x0 has reserved bits wrong -> "
        "0x50 INVALID_REGISTER_VALUE"
    )
    assert f"refused: cpu 0 {lost.refused} (tick " in lost.sentence


def test_an_ap_that_took_an_exception_is_told_with_it() -> None:
    (lost,) = told(ran("vbs", "nmi 2 at mailbox_wait cpu 2"))
    assert (lost.state, lost.cpus) == ("lost", (2,))
    assert lost.last.startswith("halts at ap_failed+0x")
    assert lost.fault.startswith("NMI at mailbox_wait")


def test_an_ap_that_ran_and_halted_without_a_word_is_told_by_its_last_exit() -> None:
    """cloud-hypervisor/cloud-hypervisor #6817: the page of the SIPI is overwritten."""
    session = open_session(platform="sipi", cpus=2)
    session.do("break sipi_start")
    for _ in range(ATTEMPTS):
        session.do("run")
        session.do("set gpa:0x9e000/1=0xf4")  # HLT
        session.do("next")
    session.do("run")
    (lost,) = told(session)
    assert lost.sentence.startswith(
        "cpu 1 is lost: given up by the firmware (REASON_TIMEOUT); last: halts at 0x9e000 with "
        "interrupts off: "
    )


def test_what_still_goes_forward_when_the_limit_comes_is_slow() -> None:
    view = open_session(platform="tdx", cpus=4, max_ticks=50_000).do("run")
    assert view.outcome == "limit"
    assert "slow: the last progress was" in view.outcome_reason


def endless(tmp_path: Path, **options: int) -> str:
    """A guest whose CPUs compute for ever and never tell."""
    image = str(guest.write_image(tmp_path / "loop.elf", guest.MEMORY))
    session = open_session(image, platform="sipi", cpus=2, kernel=image, **options)
    view = session.do("run")
    return f"{view.outcome}: {view.outcome_reason}"


def test_what_makes_no_progress_up_to_the_limit_is_stuck(tmp_path: Path) -> None:
    said = endless(tmp_path, max_ticks=3_000_000)
    assert said.startswith("limit: ")
    assert "stuck: no progress for 2," in said


def test_the_watchdog_ends_what_makes_no_progress(tmp_path: Path) -> None:
    said = endless(tmp_path, watchdog=1_000_000)
    assert said.startswith("hung: stuck: no progress for 1,")


def test_the_watchdog_lets_a_slow_boot_be() -> None:
    session = open_session(platform="vbs", cpus=4, watchdog=100_000)
    assert session.do("run").outcome == "booted"
