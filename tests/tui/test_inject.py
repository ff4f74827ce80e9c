"""The injection menu, the findings and what became of injections, by keys and as text."""

import asyncio
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from emu import open_session
from emu.errors import CommandError
from emu.inject.menu import GROUPS
from tests.tui import builder
from tests.tui.driving import SHIM, boot, screen
from tests.tui.still_door import MENU, Still
from tui.completing import complete, explain
from tui.inject_form import Form
from tui.inject_list import KindList
from tui.panels import BY_ID
from tui.panels.base import Window
from tui.sources import Sources
from tui.text import plain

SOURCES = Sources(Still(builder.stopped()))
GALLERY = SHIM.parent / "gallery"


def typed(found: KindList | Form, *keys: str) -> KindList | Form:
    """The page after some keys."""
    for key in keys:
        found = found.take(key, key if len(key) == 1 else None)
    return found


@pytest.mark.parametrize(
    "image", ["no-pause", "ack-before-vector", "secret-mask", "ungated-command"]
)
@pytest.mark.parametrize("width", [80, 120])
def test_the_findings_of_the_gallery_read_as_they_did(
    image: str, width: int, golden: Callable[[str, str], None]
) -> None:
    session = open_session(str(GALLERY / f"{image}.elf"))
    page = BY_ID["findings"].render(session.do("run"), Window(width, 14))
    golden(f"findings-{image}-{width}", "\n".join(plain(row) for row in page.lines))


def test_the_rule_of_the_finding_under_the_cursor_is_explained() -> None:
    rows = BY_ID["findings"].render(builder.broken(), Window(120, 9, cursor="2")).lines
    text = "\n".join(map(plain, rows))
    assert "rule     A loop that waits has a PAUSE" in text and "Firmware keeps" not in text


def test_enter_on_a_consequence_goes_to_its_own_moment() -> None:
    view = builder.broken()
    first, *others = view.findings.rows
    below = replace(first, rule="command-answered", tick=first.tick + 77)
    whole = replace(first, consequences=(below,))
    view = replace(view, findings=replace(view.findings, rows=(whole, *others)))
    page = BY_ID["findings"].render(view, Window(120, 14))
    assert [spot.go for spot in page.spots][:2] == [
        f"goto {first.tick} cpu {first.cpu}", f"goto {first.tick + 77} cpu {first.cpu}",
    ]  # fmt: skip
    assert "so command-answered" in plain(page.lines[1])


def test_enter_on_a_finding_goes_to_its_moment() -> None:
    async def story() -> None:
        async with screen(open_session(str(GALLERY / "ack-before-vector.elf"))) as hands:
            await hands.type("run")
            assert "BOOTED" in hands.row(0) and "✗ 3 findings" in hands.row(1)
            await hands.type("findings")
            assert "Finds 3" in hands.text
            await hands.press("enter")
            await hands.settle()
            assert hands.seen.tick == hands.session.findings()[0].tick

    asyncio.run(story())


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_the_menu_reads_as_it_did(
    size: tuple[int, int], golden: Callable[[str, str], None]
) -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), size) as hands:
            name = f"{size[0]}x{size[1]}"
            await hands.press("i")
            golden(f"inject-list-{name}", hands.text)
            await hands.press("s", "t", "a", "t", "enter", "down", "down", "down", "down")
            golden(f"inject-form-{name}", hands.text)

    asyncio.run(story())


@pytest.mark.breadth
def test_a_cpu_that_never_starts_is_chosen_from_the_menu() -> None:
    async def story() -> None:
        async with screen(boot(4), (200, 50)) as hands:
            await hands.press("i", *"never", "enter", "9")
            assert "inject never-starts 9" in hands.text
            await hands.press("enter")
            assert "! inject never-starts: CPU: there is no cpu 9" in hands.text
            await hands.press("backspace", "3", "enter")
            await hands.settle()
            assert "never-starts 3" in hands.text and "fired at once" in hands.text
            assert hands.app.desk.prompt.history[-1] == "inject never-starts 3"
            await hands.press("c")
            await hands.settle()
            assert "3 of 4" in hands.row(0)

    asyncio.run(story())


@pytest.mark.breadth
def test_an_injection_waits_for_its_moment_and_then_has_fired() -> None:
    async def story() -> None:
        async with screen(boot(2)) as hands:
            await hands.press("i", *"stall", "enter", "1", "down", *"5us", *["down"] * 3)
            assert "inject stall 1 5us at mailbox command" in hands.text
            await hands.press("enter")
            await hands.settle()
            entry = hands.seen.entries[-1]
            assert (entry.text, entry.fate) == (
                "inject stall 1 5us at mailbox command",
                "waits",
            )
            await hands.press("c")
            await hands.settle()
            entry = hands.seen.entries[-1]
            assert entry.fate == "fired" and entry.fate_tick is not None
            assert f"fired at tick {entry.fate_tick:,}" in hands.text

    asyncio.run(story())


def test_escape_goes_back_to_the_kinds_and_then_closes_the_menu() -> None:
    async def story() -> None:
        async with screen(boot()) as hands:
            await hands.press("i", *"nmi", "enter", "escape")
            assert "Inject: 1 kind" in hands.text
            await hands.press("q", "escape")
            assert "Inject: " not in hands.text and hands.app.is_running
            assert hands.seen.entries == ()

    asyncio.run(story())


def test_typing_finds_a_kind_by_its_name_its_group_or_its_help() -> None:
    for words, name in (("never", "never-starts"), ("vmm", "status"), ("maskable", "nmi")):
        found = typed(KindList(MENU), *words)
        assert isinstance(found, KindList) and found.marked is not None
        assert found.marked.name == name
    nothing = typed(KindList(MENU), *"zzz")
    assert isinstance(nothing, KindList) and nothing.marked is None
    assert nothing.sheet(40, 12).lines


def test_a_moment_is_chosen_or_typed() -> None:
    kind = MENU.kinds[0]
    form = typed(Form.of(kind, MENU), "2", "down", "down", "down")
    assert isinstance(form, Form) and form.line == "inject nmi 2 at mailbox command"
    form = typed(form, *"time", " ", *"5us")
    assert isinstance(form, Form) and form.line == "inject nmi 2 at time 5us"
    form = typed(form, "up", "up")
    assert isinstance(form, Form)
    assert form.line == "inject nmi 2 at mailbox_wait+0xf cpu 2"


def test_a_kind_with_a_moment_of_its_own_can_be_broken_at_once_too() -> None:
    form = Form.of(MENU.kinds[2], MENU)
    assert form.line == "inject status . 5 1"
    there = typed(form, *["down"] * 4)
    assert isinstance(there, Form) and there.line == "inject status . 5 1 at tick 3520311"


def test_the_prompt_completes_kinds_and_moments_and_explains_them() -> None:
    assert complete("inject ne", SOURCES) == "inject never-starts"
    assert complete("inject nmi 2 at mail", SOURCES) == "inject nmi 2 at mailbox"
    assert complete("inject nmi 2 at secondary_s", SOURCES) == (
        "inject nmi 2 at secondary_start"
    )
    assert "never-starts" in explain("inject ", SOURCES)
    assert explain("inject nmi", SOURCES).startswith("nmi CPU [at MOMENT]: a non-maskable")
    assert explain("inject nmi 2 at ", SOURCES) == MENU.moment_usage


def test_the_menu_and_the_help_have_every_kind_of_the_platform() -> None:
    session = boot(4)
    menu = session.menu()
    groups = [kind.group for kind in menu.kinds]
    assert groups == sorted(groups, key=list(GROUPS.values()).index)
    helped = "\n".join(session.do("help inject").reply)  # type: ignore[attr-defined]
    assert all(kind.usage in helped and kind.help in helped for kind in menu.kinds)
    assert "tick N" in helped


def test_the_help_of_a_kind_tells_what_it_takes_and_when_it_happens() -> None:
    session = open_session(cpus=4)
    assert session.do("help inject kernel-tree").reply == (
        "inject kernel-tree HOW [at MOMENT]",
        "the device tree that the kernel is handed is wrong; at os-entry, if no moment is "
        "named",
        "  HOW       missing-node, no-mailbox, bad-reg, truncated or duplicate-id",
        "as in: inject kernel-tree no-mailbox",
    )
    told = [line.strip() for line in session.do("help kernel-tree").reply]
    asked = [line.strip() for line in session.do("help inject kernel-tree").reply]
    assert [line for line in told if line in asked] == asked
    for words, why in (
        ("help inject bogus", "there is no 'bogus'"),
        ("help step 3", "no explanation of 'step 3'"),
    ):
        with pytest.raises(CommandError, match=why):
            session.do(words)
