"""`findings`, `rules`, `races`: what must hold, and where it did not."""

from typing import Final

from emu.debug.command import Command, some_text
from emu.debug.desk import Desk, Lines
from emu.judge import judge
from emu.mailbox.rules import RULES as EVERY_RULE


def _findings(desk: Desk, rule: str) -> Lines:
    return judge.lines(desk.judge, desk.verdict, rule)


def _rules(_: Desk) -> Lines:
    return judge.rules()


def _races(desk: Desk) -> Lines:
    from emu.judge import races  # a detector that few ask for

    return races.lines(desk.machine, desk.timeline)


FINDINGS: Final = Command(
    "findings",
    "Say which rules of the protocol were broken up to now: all, or one RULE.",
    _findings,
    (some_text("rule", *(rule.name for rule in EVERY_RULE)),),
    looks=True,
)
RULES: Final = Command(
    "rules",
    "List the rules of the protocol, each with its source.",
    _rules,
    looks=True,
)
RACES: Final = Command(
    "races", "Say where CPUs touch the same bytes in no order, up to now.", _races
)
