"""Panels: each file turns a frozen view into lines of text."""

from typing import Final

from tui.panels import (
    answer,
    breakpoints,
    code,
    cpus,
    dtb,
    events,
    findings,
    injections,
    logged,
    mailbox,
    memory,
    nested,
    profile,
    regions,
    registers,
    ribbon,
    serial,
    stack,
    status,
    tables,
    timeline,
    waits,
    walk,
)
from tui.panels.base import Panel

PANELS: Final[tuple[Panel, ...]] = (
    cpus.PANEL,
    mailbox.PANEL,
    waits.PANEL,
    code.PANEL,
    registers.PANEL,
    stack.PANEL,
    walk.PANEL,
    tables.PANEL,
    nested.PANEL,
    memory.PANEL,
    dtb.PANEL,
    regions.PANEL,
    timeline.PANEL,
    events.PANEL,
    events.EXITS,
    logged.PANEL,
    serial.PANEL,
    findings.PANEL,
    breakpoints.PANEL,
    injections.PANEL,
    profile.PANEL,
    answer.PANEL,
    status.PANEL,
    ribbon.PANEL,
)
"""Every panel: a new one is one file and one line here."""
BY_WORD: Final[dict[str, Panel]] = {word: panel for panel in PANELS for word in panel.words}
"""By the first word of a command: the panel that answers it."""
BY_ID: Final[dict[str, Panel]] = {panel.id: panel for panel in PANELS}
