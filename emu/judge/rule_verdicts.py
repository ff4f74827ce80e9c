"""What each rule says of a run: held, broken, excused, or without anything to look at."""

from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct

from emu.mailbox.dialect import Dialect
from emu.mailbox.observation import Observation
from emu.mailbox.rule import Finding, each
from emu.mailbox.rules import RULES

RuleState = Literal["held", "broken", "excused", "not seen"]
"""`excused`: what this firmware is known for; `not seen`: nothing came that it looks at."""
_WORDS: Final[tuple[tuple[RuleState, str], ...]] = (
    ("broken", "broken"), ("held", "held"), ("excused", "this firmware's way"),
    ("not seen", "nothing to look at for"),
)  # fmt: skip


class RuleVerdict(Struct, frozen=True):
    """One rule's."""

    rule: str
    state: RuleState
    looked_at: int
    """Observations of the kinds that it takes."""
    findings: int


def verdicts(
    seen: Iterable[Observation], findings: Iterable[Finding], dialect: Dialect
) -> tuple[RuleVerdict, ...]:
    """Those of all rules, in the order in which they stand."""
    kinds = Counter[type[object]](one.__class__ for one in seen)
    broken = Counter(one.rule for one in each(findings))
    return tuple(
        RuleVerdict(
            rule.name, _state(rule.name, looked, broken[rule.name], dialect), looked,
            broken[rule.name],
        )
        for rule in RULES
        for looked in (sum(kinds[kind] for kind in rule.sees),)
    )  # fmt: skip


def _state(rule: str, looked: int, broken: int, dialect: Dialect) -> RuleState:
    if broken:
        return "broken"
    if rule in dialect.excused:
        return "excused"
    return "held" if looked else "not seen"


def words(found: Iterable[RuleVerdict]) -> tuple[str, ...]:
    """A line for each state that any rule has."""
    by_state: dict[RuleState, list[RuleVerdict]] = {}
    for one in found:
        by_state.setdefault(one.state, []).append(one)
    return tuple(
        f"rules {name}: {', '.join(map(_one, by_state[state]))}"
        for state, name in _WORDS
        if state in by_state
    )


def _one(verdict: RuleVerdict) -> str:
    return f"{verdict.rule} ({verdict.findings})" if verdict.findings else verdict.rule
