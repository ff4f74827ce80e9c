"""The rules that were broken, each with what a person needs to learn what it means."""

from msgspec.structs import replace

from emu.judge.alike import Alike, alike
from emu.judge.judge import Judge
from emu.judge.verdict import Verdict
from emu.mailbox.rule import Finding, Rule
from emu.mailbox.rules import BY_NAME, RULES
from emu.picture.sections import OFF, FindingsView, FindingView


def findings_view(judge: Judge, verdict: Verdict | None) -> FindingsView:
    """The findings now."""
    if not judge.on:
        return OFF
    rows = tuple(_together(one) for one in alike(judge.findings(verdict)))
    return FindingsView(rows, len(RULES), judge.dialect())


def _together(group: Alike[Finding]) -> FindingView:
    found = _seen(group.first, BY_NAME[group.first.rule])
    return replace(found, text=group.text, who=group.who, count=group.count)


def _seen(one: Finding, rule: Rule) -> FindingView:
    return FindingView(
        one.rule, one.severity, one.cpu, one.tick, one.where, one.text,
        rule.says, rule.source, rule.follows, rule.look_at,
        tuple(_seen(below, BY_NAME[below.rule]) for below in one.consequences),
    )  # fmt: skip
