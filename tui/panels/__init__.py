"""Panels: each file turns a frozen view into lines of text."""

from typing import Final

from tui.panels import (
    answer,
    breakpoints,
    code,
    cpus,
    events,
    mailbox,
    registers,
    serial,
    status,
    timeline,
)
from tui.panels.base import Panel

PANELS: Final[tuple[Panel, ...]] = (
    cpus.PANEL,
    mailbox.PANEL,
    code.PANEL,
    registers.PANEL,
    events.PANEL,
    timeline.PANEL,
    serial.PANEL,
    breakpoints.PANEL,
    answer.PANEL,
    status.PANEL,
)
"""Every panel: a new one is one file and one line here."""
BY_ID: Final[dict[str, Panel]] = {panel.id: panel for panel in PANELS}
