"""Every panel of a real machine on every platform, at three widths, as text."""

from collections.abc import Callable
from functools import lru_cache
from typing import get_args

import pytest

from emu import open_session
from emu.picture.view import MachineView, Section
from tui.panels import PANELS
from tui.panels.base import Window
from tui.text import plain

PLATFORMS = ("tdx", "vbs", "sipi", "none")
WIDTHS = (80, 120, 200)
HEIGHT = 22


@lru_cache
def stopped(platform: str) -> MachineView:
    """Four CPUs, the first AP about to acknowledge its wake-up."""
    session = open_session(platform=platform, cpus=4)
    session.looks.wanted = frozenset(get_args(Section))
    for order in (
        "break mailbox_ack",
        "catch milestone secondary_online",
        "watch mailbox.command write",
        "run",
        "delete 3",
        "run",
        "hold 3",
        "mem rsp",
        "walk secondary_start execute",
    ):
        session.do(order)
    return session.picture()


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_panel_of_a_real_machine_reads_as_it_did(
    platform: str, width: int, golden: Callable[[str, str], None]
) -> None:
    view = stopped(platform)
    parts = []
    for panel in PANELS:
        page = panel.render(view, Window(width, HEIGHT))
        rows = [plain(styled)[:width] for styled in page.lines]
        parts += [f"== {panel.title} == {page.detail}", *rows, ""]
    golden(f"rooms-{platform}-{width}", "\n".join(parts))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_no_panel_of_a_real_machine_is_empty(platform: str) -> None:
    view = stopped(platform)
    for panel in PANELS:
        page = panel.render(view, Window(100, HEIGHT))
        assert any(plain(styled).strip() for styled in page.lines), panel.id
