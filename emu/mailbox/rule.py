"""What a rule of the protocol is, and what a broken one looks like."""

from collections.abc import Callable, Iterator
from typing import Literal

from msgspec import Struct

from emu.mailbox.course import Course
from emu.mailbox.observation import Observation

Severity = Literal["error", "warning"]


class Finding(Struct, frozen=True):
    """A rule that was broken: by which CPU (None: the host, or nobody), when, and where."""

    rule: str
    severity: Severity
    cpu: int | None
    tick: int
    where: str
    """Symbol and offset with the line of source; empty where nobody executed anything."""
    text: str


class Broken(Struct, frozen=True):
    """What a rule says of an observation: one sentence, and whose doing if not its CPU's."""

    text: str
    cpu: int | None = None


Look = Callable[[Observation, Course], Iterator[Broken]]


class Rule(Struct, frozen=True):
    """One rule: what must hold and who says so, what follows if not, and where to look."""

    name: str
    says: str
    source: str
    follows: str
    look_at: str
    look: Look
    severity: Severity = "error"
