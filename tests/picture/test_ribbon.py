"""The ribbon: the phases of real boots, who is in them, and what is red."""

from pathlib import Path

import pytest

from emu import open_session
from emu.picture.ribbon import PhaseStretch, ribbon
from tests.guest import Guest

SAMPLES = Path(__file__).parents[2] / "samples"
GALLERY = SAMPLES / "gallery"
TDX = (
    "reset", "shim", "tables", "start APs", "parked", "kernel", "wake-up", "ack", "online",
    "done",
)  # fmt: skip
"""What the sample goes through on tdx: its firmware parks the APs, hands over, and the kernel
wakes them (ACPI 6.6, 5.2.12.19)."""


def after(*commands: str, image: str = "", platform: str = "tdx", cpus: int = 4,
          inject: tuple[str, ...] = ()) -> dict[str, PhaseStretch]:  # fmt: skip
    """The phases by name, after commands."""
    session = open_session(image, platform=platform, cpus=cpus, inject=inject)
    for text in commands:
        session.do(text)
    return {one.name: one for one in ribbon(session.view().whole())}


def hows(found: dict[str, PhaseStretch]) -> list[str]:
    """How every phase stands."""
    return [one.how for one in found.values()]


def test_a_boot_begins_in_its_first_phase_and_ends_with_all_done() -> None:
    assert tuple(after()) == TDX
    assert hows(after()) == ["here", *["ahead"] * 9]
    ended = after("run")
    assert hows(ended) == ["done"] * 10
    assert ended["online"].aps == (1, 2, 3)


def test_the_kernel_is_entered_with_all_aps_parked() -> None:
    found = after("until kernel_start")
    assert hows(found) == [*["done"] * 5, "here", *["ahead"] * 4]
    assert found["parked"].aps == (1, 2, 3)


def test_aps_are_woken_one_after_the_other_and_stand_where_they_are() -> None:
    found = after("until secondary_start")
    assert (found["parked"].aps, found["wake-up"].how) == ((2, 3), "here")
    assert (found["ack"].aps, found["ack"].how) == ((1,), "begun")
    assert (found["online"].aps, found["online"].how) == ((), "ahead")


def test_in_the_past_it_shows_the_past_and_knows_the_way_on() -> None:
    found = after("run", "goto parked")
    assert found["online"].how == "ahead" and found["parked"].how == "here"
    assert all(one.tick is not None for one in found.values())
    again = after("run", f"goto {found['online'].tick} cpu {found['online'].cpu}")
    assert again["ack"].aps == (1,) or again["online"].aps == (1,)


def test_each_phase_leads_to_a_moment_at_which_it_is_reached() -> None:
    session = open_session(platform="tdx", cpus=4)
    session.do("run")
    for one in ribbon(session.view().whole()):
        view = session.do(f"goto {one.tick} cpu {one.cpu}").whole()
        there = {phase.name: phase.how for phase in ribbon(view)}
        assert there[one.name] != "ahead", one.name


def test_nobody_has_come_to_what_lies_ahead_of_all_that_is_known() -> None:
    found = after("until kernel_start")
    assert [one.tick for one in found.values()][-4:] == [None] * 4


@pytest.mark.parametrize("platform", ["vbs", "sipi", "none"])
def test_where_the_host_enters_the_shim_there_is_no_reset_phase(platform: str) -> None:
    assert tuple(after(platform=platform)) == TDX[1:]
    assert set(hows(after("run", platform=platform))) == {"done"}


def test_one_cpu_alone_has_no_phases_of_aps() -> None:
    found = after("run", cpus=1)
    assert tuple(found) == ("reset", "shim", "tables", "kernel", "done")
    assert set(hows(found)) == {"done"}


def test_an_ap_that_never_starts_is_red_where_it_should_have_started() -> None:
    found = after("run", inject=("never-starts 3",))
    assert (found["start APs"].how, found["start APs"].unwell) == ("failed", (3,))
    assert found["online"].aps == (1, 2) and found["done"].how != "failed"


def test_a_lost_ap_is_red_where_it_stands_and_leads_to_the_finding() -> None:
    found = after("run", image=str(GALLERY / "nx-vector.elf"))
    red = [one for one in found.values() if one.how == "failed"]
    assert [one.name for one in red] == ["ack"]
    assert red[0].unwell == (1, 2, 3) and red[0].cpu == 1


def test_a_broken_rule_is_red_in_its_phase_though_all_came_online() -> None:
    found = after("run", image=str(GALLERY / "ack-before-vector.elf"))
    assert found["ack"].how == "failed"
    assert [one.how for one in found.values() if one.name != "ack"] == ["done"] * 9


def test_images_that_nothing_is_known_of_have_a_start_and_what_is_seen() -> None:
    view = Guest("start: jmp start", 1, "none").boot().view().whole()
    assert [(one.name, one.how) for one in ribbon(view)] == [("start", "here")]
    box = Guest("start: jmp start", 2, "tdx", mailbox=True).boot().view().whole()
    names = [one.name for one in ribbon(box)]
    assert names == ["start", "start APs", "parked", "wake-up", "ack", "arrived"]
