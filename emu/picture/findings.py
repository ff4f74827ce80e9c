"""The rules that were broken, each with what a person needs to learn what it means."""

from msgspec import Struct

from emu.judge.judge import Judge
from emu.judge.outcome import Verdict
from emu.mailbox.rule import Finding, Rule, Severity
from emu.mailbox.rules import BY_NAME, RULES


class FindingView(Struct, frozen=True):
    """A rule that was broken, and the rule's own words."""

    rule: str
    severity: Severity
    cpu: int | None
    """None: the host, or nobody."""
    tick: int
    where: str
    text: str
    """What was seen."""
    says: str
    """What must hold, and who says so, what follows if it does not, and where to look."""
    source: str
    follows: str
    look_at: str


class FindingsView(Struct, frozen=True):
    """What the rules say of the course up to the moment that is shown."""

    rows: tuple[FindingView, ...]
    """In order of time."""
    rules: int
    """How many are held against it; 0: they are switched off."""
    dialect: str
    """The dialect in force and whence it is known, in words."""

    @property
    def errors(self) -> int:
        """Findings that are more than a warning."""
        return sum(one.severity == "error" for one in self.rows)


OFF = FindingsView((), 0, "")


def findings_view(judge: Judge, verdict: Verdict | None) -> FindingsView:
    """The findings now."""
    if not judge.on:
        return OFF
    rows = tuple(_seen(one, BY_NAME[one.rule]) for one in judge.findings(verdict))
    return FindingsView(rows, len(RULES), judge.dialect())


def _seen(one: Finding, rule: Rule) -> FindingView:
    return FindingView(
        one.rule, one.severity, one.cpu, one.tick, one.where, one.text,
        rule.says, rule.source, rule.follows, rule.look_at,
    )  # fmt: skip
