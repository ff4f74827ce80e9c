"""What comes next for an AP, whatever state it is in and however the image names its loop."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

import pytest
from msgspec.structs import replace

from emu import Session, open_session
from emu.judge.verdict import CpuState
from emu.mailbox.ap import ApState
from emu.picture.mailbox import what_next
from tests.machine.test_aps import SAMPLES, foreign, stripped
from tests.tui import builder
from tui.panels import BY_ID
from tui.panels.base import Window
from tui.text import plain

PROTOCOL: Final[dict[ApState, str]] = {
    "starting": "mailbox", "parked": "Wakeup", "woken": "clears", "acked": "vector",
    "arrived": "OS", "online": "", "left": "mailbox", "gave-up": "given up",
}  # fmt: skip
"""ACPI 6.6, 5.2.12.19: an AP waits for its id and Wakeup, reads the vector, clears the command,
jumps. A word of what is missing behind each step."""
NEVER: Final[tuple[CpuState, ...]] = ("shutdown", "failed")
"""SDM 3, 6.15: shutdown ends by INIT, NMI or reset. `failed`: what an AP's record says."""
FIRST: Final[dict[CpuState, str]] = {
    "off": "starts it", "wait-for-sipi": "SIPI", "halted": "interrupt", "spinning": "waits for",
    "sidecar-idle": "sidecar",
}  # fmt: skip
"""What such a CPU needs before it executes anything more (SDM 3, 9.4.3; SDM 2, HLT)."""
DONE: Final = ("online", "gave-up")


@pytest.mark.parametrize("does", get_args(CpuState))
@pytest.mark.parametrize("step", get_args(ApState))
def test_every_state_of_protocol_and_cpu_says_what_comes_next(
    step: ApState, does: CpuState
) -> None:
    words = what_next(step, does)
    if does in NEVER or step == "gave-up":
        assert words.startswith("nothing: ")
        return
    assert not words.startswith("nothing")
    if does in FIRST and (step not in DONE or does in ("off", "wait-for-sipi")):
        assert FIRST[does] in words
    if does not in ("off", "wait-for-sipi"):
        assert PROTOCOL[step] in words and bool(words) == (step != "online")


def then(session: Session, cpu: int) -> tuple[str, str]:
    """(step, what comes next) of an AP, as the panel has it."""
    box = session.view().mailbox
    assert box is not None
    one = next(one for one in box.aps if one.cpu == cpu)
    return one.step, one.next


def test_a_parked_ap_that_is_shut_down_has_nothing_next() -> None:
    session = open_session(platform="vbs", cpus=4)
    session.do("until wake_aps")
    assert then(session, 2) == ("parked", "the OS stores its id, a vector and Wakeup")
    session.do("inject unplug 2")
    session.do("run 10")
    assert then(session, 2) == ("parked", "nothing: it has shut down")
    assert then(session, 3)[1] == "the OS stores its id, a vector and Wakeup"


def test_an_ap_whose_record_says_failed_has_nothing_next() -> None:
    session = open_session(str(SAMPLES / "gallery" / "version-lie.elf"))
    session.do("run")
    states = {cpu.id: cpu.state for cpu in session.view().cpus}
    for cpu, state in states.items():
        if cpu and state in NEVER:
            assert then(session, cpu)[1].startswith("nothing"), state


def test_a_sipi_machine_says_who_waits_for_one() -> None:
    session = open_session(platform="sipi", cpus=3)
    seen = set()
    for _ in range(4_000):
        if session.view().mailbox is not None:
            for cpu in session.view().cpus[1:]:
                step, words = then(session, cpu.id)
                seen.add((cpu.state, step, words))
        if session.do("run 60").outcome is not None:
            break
    assert ("wait-for-sipi", "off", "a SIPI starts it") in seen
    assert all(words for state, step, words in seen if step != "online")


@pytest.fixture(scope="module")
def unnamed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The sample's images without any symbol."""
    folder = tmp_path_factory.mktemp("unnamed")
    for image, name in (("shim", "shim"), ("reset", "shim.reset"), ("kernel", "kernel")):
        stripped(SAMPLES / f"{image}.elf", folder / f"{name}.elf")
    yield folder


@pytest.mark.parametrize("platform", ["tdx", "vbs"])
def test_parked_is_seen_in_the_loop_and_needs_no_symbol(unnamed: Path, platform: str) -> None:
    named, bare = (
        open_session(platform=platform, cpus=4, max_ticks=60_000_000),
        foreign(unnamed, platform),
    )
    for session in (named, bare):
        session.do("until os-entry")
    steps = []
    for session in (named, bare):
        session.do("run 20000")
        steps.append([then(session, cpu) for cpu in (1, 2, 3)])
    assert steps[0] == steps[1]
    assert ("parked", "the OS stores its id, a vector and Wakeup") in steps[0]


def test_the_panel_shows_that_nothing_comes_next() -> None:
    view = builder.stopped()
    assert view.mailbox is not None
    aps = tuple(
        replace(one, next="nothing: it has shut down", stuck=True) for one in view.mailbox.aps
    )
    page = BY_ID["mailbox"].render(
        replace(view, mailbox=replace(view.mailbox, aps=aps)), Window(60, 9)
    )
    rows = [row for row in page.lines if "nothing: it has shut down" in plain(row)]
    assert len(rows) == len(aps)
    assert all(("nothing: it has shut down", "bad") in row for row in rows)
