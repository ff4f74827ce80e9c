"""Whoever goes to something that belongs to a CPU looks at that CPU there, however they go."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from emu import open_session
from emu.debug.session import Session
from emu.errors import CommandError
from emu.machine.event import MailboxWrite
from tests.tui.driving import SHIM, Hands, screen

GALLERY = SHIM.parent / "gallery"
BROKEN = GALLERY / "ack-before-vector.elf"

pytestmark = pytest.mark.skipif(not BROKEN.exists(), reason="the gallery is not built")

Way = Callable[[Hands, str], Awaitable[None]]


async def by_key(hands: Hands, panel: str) -> None:
    """Enter on the cursor."""
    await hands.press("enter")
    await hands.settle()


async def by_click(hands: Hands, panel: str) -> None:
    """A click on the row that the cursor is on, in a panel that has the keys."""
    spot = hands.frame.spot
    assert spot is not None
    await hands.pilot.click(f"#{hands.frame.slot}", offset=(4, spot.row + 1))
    await hands.settle()


async def by_command(hands: Hands, panel: str) -> None:
    """The row's command, typed."""
    spot = hands.frame.spot
    assert spot is not None
    await hands.type(spot.go)


WAYS = (by_key, by_click, by_command)


async def point_at(hands: Hands, order: str, cpu: int) -> str:
    """The first row of a panel whose command goes to a moment of a CPU; that command."""
    await hands.type(order)
    if order == "mailbox":
        await hands.press("z")  # the history needs room
    wanted = f" cpu {cpu}"
    for _ in range(60):
        spot = hands.frame.spot
        if spot is not None and spot.go.startswith("goto") and spot.go.endswith(wanted):
            return spot.go
        await hands.press("up" if hands.frame.panel.id in ("events", "exits") else "down")
    raise AssertionError(f"{order}: no row of {wanted}:\n{hands.text}")


def at(session: Session, cpu: int, tick: int) -> bool:
    """Whether the session stands at a tick with a CPU in focus, code and registers with it."""
    view = session.picture()
    registers = {one.name: one.value for one in view.registers}
    context = session.machine.board.cpus[cpu].registers
    return (view.focus, view.tick) == (cpu, tick) and registers["rsp"] == context.get("rsp")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("order", "cpu"),
    [("findings", 1), ("findings", 2), ("events", 2), ("exits cpu 1", 1), ("mailbox", 0)],
)
def test_a_row_of_a_panel_leads_to_its_cpu(order: str, cpu: int, way: Way) -> None:
    async def story() -> None:
        session = open_session(str(BROKEN))
        async with screen(session) as hands:
            await hands.type("run")
            await hands.type(f"cpu {3 if order != 'mailbox' else 1}")
            go = await point_at(hands, order, cpu)
            await way(hands, order)
            assert at(session, cpu, int(go.split()[1])), go

    asyncio.run(story())


def test_the_last_write_of_a_wait_leads_to_its_writer() -> None:
    async def story() -> None:
        session = open_session(str(SHIM), platform="vbs", cpus=3)
        async with screen(session) as hands:
            await hands.type("until mailbox_ack")
            await hands.type("cpu 1")
            go = await point_at(hands, "waits", 0)
            await by_key(hands, "waits")
            assert at(session, 0, int(go.split()[1]))

    asyncio.run(story())


@pytest.mark.parametrize(
    ("spec", "cpu"),
    [
        ("inject nmi 2 at mailbox_wait cpu 1", 2), ("inject stall 1 3us at tick 30000", 1),
        ("inject late-stores 0 5us", 0), ("set cpu1:rbx=0x5", 1), ("hold 2", 2),
    ],
)  # fmt: skip
def test_an_injection_leads_to_the_cpu_that_it_is_done_to(spec: str, cpu: int) -> None:
    async def story() -> None:
        session = open_session(str(SHIM), platform="vbs", cpus=4)
        async with screen(session) as hands:
            await hands.type("until mailbox_wait")
            await hands.type(spec)
            await hands.type("run 60000")
            await hands.type("cpu 3")
            (entry,) = (one for one in hands.seen.entries if one.text == spec)
            hands.app.parts.arranging.show_panel("injections")
            await hands.pilot.pause()
            for _ in range(9):
                await hands.press("down")
                spot = hands.frame.spot
                if spot is not None and spot.edit == spec:
                    break
            await hands.press("enter")
            await hands.settle()
            assert at(session, cpu, entry.tick if entry.fate_tick is None else entry.fate_tick)

    asyncio.run(story())


def test_the_keys_of_events_lead_to_their_cpus_both_ways() -> None:
    async def story() -> None:
        session = open_session(str(SHIM), platform="vbs", cpus=3)
        async with screen(session) as hands:
            await hands.type("run")
            events = session.event_moments()
            for key, step in (("{", -1), ("{", -1), ("{", -1), ("}", 1), ("}", 1)):
                now = session.machine.board.tick
                some = [one for one in events if (one[0] - now) * step > 0]
                tick, cpu = some[-1 if step < 0 else 0]
                before = hands.seen.focus
                await hands.press("left_curly_bracket" if key == "{" else "right_curly_bracket")
                await hands.settle()
                assert (hands.seen.tick, hands.seen.focus) == (
                    tick, before if cpu is None else cpu,
                )  # fmt: skip

    asyncio.run(story())


def test_a_click_on_a_lane_leads_to_its_cpu() -> None:
    async def story() -> None:
        session = open_session(str(SHIM), platform="vbs", cpus=3)
        async with screen(session) as hands:
            await hands.type("run")
            for _ in range(2):
                await hands.pilot.click("#time", offset=(38, 4))
                await hands.settle()
            assert hands.seen.timeline.now < hands.seen.timeline.end and hands.seen.focus == 2

    asyncio.run(story())


# -- the command -------------------------------------------------------------------------------


def test_goto_an_event_a_mark_a_milestone_and_a_finding_selects_the_cpu() -> None:
    session = open_session(str(BROKEN))
    session.do("until mailbox_ack")
    session.do("mark here")
    marked = session.focus
    session.do("run")
    events = session.timeline.branch.logs.events.known
    number = next(
        n for n, one in enumerate(events, 1)
        if isinstance(one.detail, MailboxWrite) and one.cpu == 0
    )  # fmt: skip
    finding = session.findings()[0]
    for where, cpu, tick in (
        (f"#{number}", 0, events[number - 1].tick),
        ("here", marked, None),
        (finding.rule, finding.cpu, finding.tick),
        ("kernel_start", 0, None),
        ("20000 cpu 0", 0, 20_000),
    ):
        session.do("goto end")
        session.do("cpu 3")
        view = session.do(f"goto {where}")
        assert view.focus == cpu, where
        assert tick is None or view.tick == tick, where


def test_a_plain_tick_leaves_the_cpu_in_focus() -> None:
    session = open_session(platform="vbs", cpus=3)
    session.do("run")
    session.do("cpu 2")
    assert session.do("goto 60000").focus == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("goto 5 cpu 9", "there is no cpu 9"),
        ("goto 5 cpu x", "goto cpu"),
        ("goto 5 6", "WHERE"),
        ("goto vector-before-ack", "nobody has broken vector-before-ack up to now"),
    ],
)
def test_a_goto_that_cannot_be_says_why_and_moves_nothing(words: str, said: str) -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("run 5000")
    with pytest.raises(CommandError, match=said):
        session.do(words)
    assert (session.view().tick, session.focus) == (5_000, 0)
