"""The later lessons hear every sensible way of doing what they ask, and take no look for a
deed; what their texts say of the machine is so."""

from typing import Final

import pytest

from emu.inject.protocol.command_before_vector import PREEMPTED_PS
from emu.tour.guide import Guide, Progress, lesson_of
from emu.tour.words import words

Way = tuple[str, ...]

OTHERWISE: Final[tuple[tuple[str, Way], ...]] = (
    ("own_tables", ("cpu 2", "until mailbox_wait", "tables diff 0")),
    ("own_tables", ("until parked", "cpu 0", "tables diff 1")),
    ("parked", ("cpu 3", "step 20", "break wake_aps", "run")),
    ("parked", ("step all 7", "until wake_aps")),
    ("parked", ("step 1 7", "until waking")),
    ("wake_up", ("catch mailbox", "run", "run", "run", "run")),
    ("wake_up", ("until mailbox_jump",)),
    ("wake_up", ("until ack", "step")),
    ("wake_up", ("run", "goto ack cpu 1", "step")),
    ("stores", ("watch mailbox.apic_id", "run", "set mailbox.command=1", "cpu 1", "step 30")),
    ("stores", ("run", "goto wake_aps", "inject command-before-vector 1", "run")),
    ("loads", ("step 3", "hold 2", "catch mailbox", "run", "run", "release 2", "step 2 20")),
    ("loads", ("step", "hold 2", "next-change mailbox.apic_id", "release 2", "run")),
    ("tree", ("inject mailbox-moved mailbox.vector", "run")),
    ("tree", ("inject mailbox-moved 0x8000004", "run")),
    ("crash", ("run", "goto 119400")),
    ("crash", ("run", "watch gpa:0xbfe0000", "reverse-run")),
    ("branch", ("goto 50%", "hold 3", "run", "diff main now")),
    ("branch", ("goto wake_aps", "inject stop 2", "run", "branch main", "diff branch2")),
    ("lost_start", ("inject lose-ipi sipi 2 2", "inject lose-ipi sipi 2 2", "run")),
    ("lost_start", ("inject lose-ipi sipi 2 3", "inject lose-ipi sipi 2", "run")),
    ("hand_back", ("catch mailbox",) + ("run",) * 3),
    ("hand_back", ("run", "goto 140287")),
    ("hunt", ("until mailbox_ack", "report {}")),
    ("hunt", ("until mailbox_jump", "report {}")),
    ("dynamic", ("inject unplug 3", "run", "inject plug 3", "until ack", "step")),
    ("dynamic", ("inject unplug 3", "inject plug 3 at event ejects", "until mailbox_jump")),
    ("hunt", ("watch mailbox.apic_id", "run", "run", "report {}")),
)  # fmt: skip
AGAIN: Final[tuple[tuple[str, Way], ...]] = (
    ("stores", ("inject command-before-vector 3", "run", "reset",
                "inject command-before-vector 1", "run")),
    ("tree", ("inject mailbox-moved 0x8100000", "run", "reset",
              "inject mailbox-moved 0xfffff008", "run")),
    ("lost_start", ("inject lose-ipi sipi 2 9", "run", "reset",
                    "inject lose-ipi sipi 2 4", "run")),
)  # fmt: skip
"""Where a sentence says that `R` begins again, from power-on: from there it can be solved."""
LOOKS: Final[dict[str, Way]] = {
    "own_tables": ("tables", "cpu 1", "registers", "walk rip"),
    "parked": ("cpu 1", "list", "profile", "waits", "cpus"),
    "wake_up": ("mailbox", "last-writer mailbox.command", "cpu 1", "events mailbox"),
    "stores": ("mailbox", "list", "rules", "help command-before-vector"),
    "loads": ("list", "mailbox", "findings", "help hold"),
    "tree": ("dtb", "dtb host", "dtb cpus", "help mailbox-moved"),
    "crash": ("run", "findings", "why 3", "events fault"),
    "branch": ("branches", "events", "last-writer mailbox.command", "goto wake_aps"),
    "lost_start": ("events sipi", "help lose-ipi", "why 2", "run"),
    "hand_back": ("mailbox", "cpu 3", "waits", "help Test"),
    "dynamic": ("mailbox", "cpu 3", "help plug", "events mailbox"),
    "hunt": ("run", "findings", "last-writer mailbox.apic_id", "report"),
}


def played(name: str, way: Way) -> Guide:
    """A lesson in which something was done."""
    guide = Guide(Progress())
    guide.begin(lesson_of(name))
    for text in way:
        assert not guide.solved, f"{name} is over before {text}"
        guide.do(text)
    return guide


@pytest.mark.parametrize(("name", "way"), (*OTHERWISE, *AGAIN))
def test_another_way_solves_it_too(
    name: str, way: Way, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("hunt") / "found.md"
    assert played(name, tuple(text.format(file) for text in way)).solved


@pytest.mark.parametrize("name", LOOKS)
def test_who_only_looks_has_not_solved_it(name: str) -> None:
    assert not played(name, LOOKS[name]).solved


def test_what_the_texts_say_of_numbers_is_so() -> None:
    board = played("parked", ("cpu 1", "step 7", "cpu 0")).session
    assert board is not None
    before = board.machine.board.cpus[0].ticks
    board.do("until wake_aps")
    assert round((board.machine.board.cpus[0].ticks - before) / 1000) == 55
    assert "55,000" in words("parked", "en").explained

    crash = played("crash", ("run",)).session
    assert crash is not None
    at = {one.rule: one.tick for one in reversed(crash.findings())}
    assert f"{at['cpu-fault'] - at['page-reused']:,}" == "9,822"
    assert "9,822" in words("crash", "en").explained

    assert PREEMPTED_PS == 20 * 10**6
    assert "20 microseconds" in words("stores", "en").explained

    hunt = played("hunt", ("run",)).session
    assert hunt is not None
    assert round(hunt.view().virtual_ns / 1e9) == 4
    assert "four seconds" in words("hunt", "en").question
