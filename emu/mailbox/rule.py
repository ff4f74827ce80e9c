"""What a rule of the protocol is, and what a broken one looks like."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from emu.mailbox.course import Course
from emu.mailbox.observation import Seen

Severity = Literal["error", "warning", "hint"]
"""`hint`: what is only recommended, or what some do on purpose: shown, and a boot with nothing
else is as it should be."""
_RANKS: Final[dict[Severity, int]] = {"error": 0, "warning": 1, "hint": 2}
COUNTING: Final[tuple[Severity, ...]] = ("error", "warning")
"""A boot with one of these is not as it should be."""


class Finding(Struct, frozen=True):
    """A rule that was broken: by which CPU (None: the host, or nobody), when, and where."""

    rule: str
    severity: Severity
    cpu: int | None
    tick: int
    where: str
    """Symbol and offset with the line of source; empty where nobody executed anything."""
    text: str
    about: tuple[int, ...] = ()
    """The CPUs that it is about; all of them if none is named."""
    consequences: tuple["Finding", ...] = ()
    """What would not have happened without it, in the order of time."""
    address: int = 0
    """Linear, of `where`; 0 where nobody executed anything."""


class Broken(Struct, frozen=True):
    """What a rule says of an observation: one sentence, and whose doing if not its CPU's."""

    text: str
    cpu: int | None = None
    about: tuple[int, ...] | None = None
    """The CPUs whose course it changes, () for all; None: the one whose doing it is."""
    severity: Severity | None = None
    """None: that of the rule."""


class Rule(Struct, frozen=True):
    """One rule: what must hold and who says so, what follows if not, and where to look."""

    name: str
    says: str
    source: str
    """Where that stands in public: a specification with its section, a file, or an issue."""
    follows: str
    look_at: str
    sees: tuple[type[Seen], ...]
    """The kinds of observations that `look` takes; it is not asked about others."""
    look: Callable[[Any, Course], Iterator[Broken]]
    severity: Severity = "error"
    follows_from: tuple[str, ...] = ()
    """Rules of which this one is broken as a consequence, if it is about the same CPU."""


def counts(found: Iterable[Finding]) -> bool:
    """Whether one of the findings is more than a hint."""
    return any(one.severity in COUNTING for one in found)


def each(found: Iterable[Finding]) -> Iterator[Finding]:
    """The findings, each before its consequences."""
    for one in found:
        yield one
        yield from one.consequences


def folded(found: Iterable[Finding], causes: dict[str, tuple[str, ...]]) -> tuple[Finding, ...]:
    """Errors, warnings and hints, each in the order of time, and whatever follows from earlier
    ones under the newest of them. `causes`: the rules that a rule follows from; who follows
    from a consequence stands beside it."""
    heads: list[Finding] = []
    below: list[list[Finding]] = []
    told: list[tuple[Finding, int]] = []
    for one in found:
        wanted = causes.get(one.rule, ())
        head = next(
            (
                head
                for cause, head in reversed(told)
                if cause.rule in wanted and _meet(cause, one)
            ),
            None,
        )
        if head is None:
            head = len(heads)
            heads.append(one)
            below.append([])
        else:
            below[head].append(one)
        told.append((one, head))
    whole = (
        replace(one, consequences=tuple(some)) for one, some in zip(heads, below, strict=True)
    )
    return tuple(sorted(whole, key=lambda one: _RANKS[one.severity]))


def _meet(cause: Finding, one: Finding) -> bool:
    """Whether two findings are about the same CPU."""
    return not cause.about or not one.about or not set(cause.about).isdisjoint(one.about)
