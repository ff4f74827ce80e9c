"""A panel: a function from a view and a window to a page. It is a tab and in the palette."""

import asyncio

from tests.tui.driving import boot, screen

NEW = {
    "tui/panels/speed.py": '''\
"""How far the machine has come."""

from emu.picture.view import MachineView
from tui.panels.base import Page, Panel, Window
from tui.text import line


def render(view: MachineView, window: Window) -> Page:
    """One row."""
    return Page((line((f"{view.tick:,} instructions on {len(view.cpus)} CPUs", "plain")),))


PANEL = Panel("speed", "Speed", render)
''',
}
LINES = {
    "tui/panels/__init__.py": (
        ("    serial,\n", "    speed,\n"),
        ("    answer.PANEL,\n", "    speed.PANEL,\n"),
    ),
    "emu/texts/explain/en/panel.toml": (
        (
            'kind = "a panel of the screen"\n',
            '\n[speed]\ntext = "How many instructions have been executed by all CPUs."\n'
            'see = ["tick"]\n',
        ),
    ),
    "emu/texts/explain/zh/panel.toml": (
        (
            'kind = "屏幕上的面板"\n',
            '\n[speed]\ntext = "机器到目前为止一共执行了多少条指令。"\n',
        ),
    ),
}


async def story() -> None:
    async with screen(boot()) as hands:
        await hands.press("ctrl+p")
        await hands.press(*"panel speed")
        await hands.until(lambda: "Show panel Speed" in hands.text)
        await hands.press("enter")
        await hands.until(lambda: "0 instructions on 2 CPUs" in hands.text)
        assert hands.frame.panel.id == "speed"
        await hands.press("?")
        assert "How many instructions have been executed" in hands.text


def uses() -> None:
    from tui.layout import arrange

    for size in ((160, 50), (120, 40), (80, 24), (50, 15)):
        assert any("speed" in place.panels for place in arrange(*size, cpus=4)), size
    asyncio.run(story())
