"""The rules that were broken, each with what a person needs to learn what it means."""

from typing import TYPE_CHECKING

from emu.mailbox.rule import Finding, Rule
from emu.mailbox.rules import BY_NAME, RULES
from emu.picture.sections import OFF, FindingsView, FindingView

if TYPE_CHECKING:
    from emu.debug.session import Session


def findings_view(session: "Session") -> FindingsView:
    """The findings of a session now."""
    if not session.machine.witness.on:
        return OFF
    rows = tuple(_seen(one, BY_NAME[one.rule]) for one in session.findings())
    return FindingsView(rows, len(RULES), session.judge.dialect())


def _seen(one: Finding, rule: Rule) -> FindingView:
    return FindingView(
        one.rule, one.severity, one.cpu, one.tick, one.where, one.text,
        rule.says, rule.source, rule.follows, rule.look_at,
    )  # fmt: skip
