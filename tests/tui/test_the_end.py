"""At the end of a boot: what can be done now, and how many keys it is to the cause."""

import asyncio

import pytest

from emu import open_session
from tests.guest import Guest
from tests.tui import builder
from tests.tui.driving import SHIM, boot, screen
from tests.tui.still_door import Still
from tui import keymap, keys
from tui.app import ApdbgApp

pytestmark = pytest.mark.skipif(not SHIM.exists(), reason="the sample shim is not built")
GALLERY = SHIM.parent / "gallery"
WAYS = "the boot is over: S back, C back to a breakpoint, g go to, R again"


@pytest.mark.parametrize("key", ["s", "n", "c", "enter", "f", "a"])
def test_a_key_that_can_do_nothing_any_more_says_which_can(key: str) -> None:
    async def story() -> None:
        async with screen(boot(2)) as hands:
            await hands.press("c")
            await hands.settle()
            assert hands.seen.outcome == "booted"
            await hands.press(key)
            assert WAYS in hands.row(-2) and "for good" not in hands.text
            tick = hands.seen.tick
            for back in ("S", "C", "R"):
                await hands.press(back)
                await hands.settle()
                assert hands.seen.tick < tick, "what is said works"
                await hands.type("goto end")

    asyncio.run(story())


def test_the_end_itself_says_so_where_its_reason_is_in_the_status() -> None:
    async def story() -> None:
        async with screen(boot(2), (200, 50)) as hands:
            await hands.press("c")
            await hands.settle()
            assert "all 2 CPUs came online" in hands.row(0) and WAYS in hands.row(-2)

    asyncio.run(story())


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_a_way_back_without_a_breakpoint_says_why_it_ends_at_the_beginning(
    size: tuple[int, int],
) -> None:
    async def story() -> None:
        async with screen(boot(2), size) as hands:
            await hands.type("until shim_main")
            await hands.press("C")
            await hands.settle()
            assert hands.seen.tick == 0
            assert "no breakpoint was passed" in hands.row(-2)
            assert "b sets one, g end returns" in hands.row(-2)
            await hands.press("g", *"end", "enter")
            await hands.settle()
            assert hands.seen.tick > 0

    asyncio.run(story())


def test_the_keys_that_are_said_are_those_in_force() -> None:
    async def story() -> None:
        app = ApdbgApp(Still(builder.stopped()), keymap.PRESETS["windbg"])
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            words = app.parts.orders.over()
            shown = {key.id: key for key in app.table}
            for name in ("reverse.step", "reverse.run", "goto", "reset"):
                assert keys.shown_first(shown[name]) in words

    asyncio.run(story())


def test_a_command_line_says_the_commands() -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("run")
    with pytest.raises(Exception, match=r"the boot is over, .*reverse-step, reverse-run, goto"):
        session.do("step")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_the_failed_call_is_the_first_thing_of_a_branch_into_a_call(
    size: tuple[int, int],
) -> None:
    """The report took 45 keys: three warnings on PAUSE stood before the failed TDCALL."""

    async def story() -> None:
        session = open_session(str(GALLERY / "branch-into-tdcall.elf"))
        async with screen(session, size) as hands:
            await hands.press("c")
            await hands.settle()
            await hands.type("findings")
            first, *others = hands.seen.findings.rows
            assert (first.rule, first.cpu) == ("parked-call", 3)
            assert [one.severity for one in others] == ["error", "hint", "hint", "hint"]
            await hands.press("enter")
            await hands.settle()
            assert (hands.seen.focus, hands.seen.tick) == (3, first.tick)
            assert "TDG.VP.VEINFO.GET and gets 0xc0000704" in hands.panel("findings")

    asyncio.run(story())


def test_a_failed_call_that_nobody_looks_at_stands_before_a_loop_without_pause() -> None:
    """A TDCALL with a leaf that there is not, and a wait that a warning or hint is about."""

    async def story() -> None:
        call = ".byte 0x66, 0x0f, 0x01, 0xcc"  # TDCALL, SDM 2
        session = Guest(
            "start: test edi, edi\n jnz other\n"
            f"mov eax, 0x55\n {call}\n xor eax, eax\n 1: hlt\n jmp 1b\n"
            "other: mov eax, [{MAILBOX}]\n test eax, eax\n jz other\n hlt",
            2, "tdx", mailbox=True,
        ).boot()  # fmt: skip
        async with screen(session) as hands:
            await hands.type("run 200000")
            await hands.type("findings")
            first = hands.seen.findings.rows[0]
            assert (first.rule, first.cpu) == ("status-ignored", 0)
            told = hands.panel("findings")
            assert "TDCALL leaf 0x55 gave 0xc000010000000000" in told
            assert "status-ignored" in hands.text

    asyncio.run(story())
