"""Why the machine stands still, as values: what stopped it, where, and whose doing it was.

Programs read the fields; `text` is one sentence for people.
"""

from typing import ClassVar, Literal

from msgspec import Struct

from emu.judge.verdict import Outcome

StopKind = Literal[
    "start", "step", "breakpoint", "watch", "catch", "until", "limit", "pause", "outcome",
    "travel", "entered",
]  # fmt: skip


class Stop(Struct, frozen=True):
    """What all stops have: the CPU whose doing it was, None for nobody's."""

    kind: ClassVar[StopKind]

    cpu: int | None

    @property
    def text(self) -> str:
        """One sentence."""
        raise NotImplementedError


class AtStart(Stop, frozen=True):
    """Power-on."""

    kind: ClassVar[StopKind] = "start"

    @property
    def text(self) -> str:
        """One sentence."""
        return "before the first instruction"


class Stepped(Stop, frozen=True):
    """The CPU, or without one all CPUs, has stepped."""

    kind: ClassVar[StopKind] = "step"

    @property
    def text(self) -> str:
        """One sentence."""
        return "all CPUs stepped" if self.cpu is None else f"cpu {self.cpu} stepped"


class LeftFunction(Stop, frozen=True):
    """A CPU has returned from the function that it was to finish."""

    kind: ClassVar[StopKind] = "step"

    function: str
    place: str
    """Where it returned to."""
    guessed: bool = False
    """Whether that was a guess."""

    @property
    def text(self) -> str:
        """`cpu 0 returned from print to main+0x31`."""
        doubt = ", which was a guess" if self.guessed else ""
        return f"cpu {self.cpu} returned from {self.function} to {self.place}{doubt}"


class OnLine(Stop, frozen=True):
    """A CPU has come to another line of source, or has been on one for too long."""

    kind: ClassVar[StopKind] = "step"

    line: str
    """`main.c:214`; empty where the code has none."""
    after: int = 0
    """Not 0: so many instructions did not lead to another line."""

    @property
    def text(self) -> str:
        """`cpu 0 came to main.c:214`."""
        if not self.after:
            return f"cpu {self.cpu} came to {self.line}"
        where = f"still in {self.line}" if self.line else "at no line of source yet"
        return (
            f"cpu {self.cpu} is {where} after {self.after:,} instructions: what it waits for "
            "may need the other CPUs, which `run` lets go on"
        )


class AtBreakpoint(Stop, frozen=True):
    """A CPU stands at a breakpoint, and has not executed what is there."""

    kind: ClassVar[StopKind] = "breakpoint"

    number: int
    address: int
    """Linear."""
    place: str
    """The address in words."""
    doubt: str = ""
    """Why its condition could not be evaluated."""

    @property
    def text(self) -> str:
        """`cpu 1: break 2 at poll`."""
        doubt = f": {self.doubt}" if self.doubt else ""
        return f"cpu {self.cpu}: break {self.number} at {self.place}{doubt}"


class AtPlace(Stop, frozen=True):
    """A CPU has reached the place that the command named."""

    kind: ClassVar[StopKind] = "until"

    address: int
    place: str

    @property
    def text(self) -> str:
        """`cpu 1: reached poll`."""
        return f"cpu {self.cpu}: reached {self.place}"


class Doer(Struct, frozen=True):
    """Whose doing an access was, and where its CPU was then."""

    cpu: int | None
    """None: a person's."""
    through: Literal["", "host", "walk"] = ""
    """The VMM did it for that CPU, or a page walk of it."""
    place: str = ""
    line: str = ""
    """`reset.S:31`; empty where the code has none."""

    @property
    def text(self) -> str:
        """`by cpu 1 at poll (reset.S:31)`."""
        if self.cpu is None:
            return "by you"
        how = {"host": "by the VMM for", "walk": "by a page walk of", "": "by"}[self.through]
        where = f" at {self.place}" if self.place else ""
        return f"{how} cpu {self.cpu}{where}" + (f" ({self.line})" if self.line else "")


class Watched(Stop, frozen=True):
    """Something was done, or is about to be done, to a place that is watched."""

    kind: ClassVar[StopKind] = "watch"

    number: int
    """0: the place was watched for one command."""
    place: str
    access: str
    """read, write, host (a write by the VMM) or walk (by a page walk)."""
    before: int
    after: int
    by: Doer

    @property
    def text(self) -> str:
        """`watch 1: mailbox.command 0x1 -> 0x0 by cpu 1 at poll (reset.S:31)`."""
        name = f"watch {self.number}: " if self.number else ""
        return f"{name}{self.place} {self.before:#x} -> {self.after:#x} {self.by.text}"


class CaughtEvent(Stop, frozen=True):
    """An entry of a log is one that is caught."""

    kind: ClassVar[StopKind] = "catch"

    number: int
    what: str
    """The kind that is caught."""
    tick: int
    said: str
    """The words of the entry."""

    @property
    def text(self) -> str:
        """`cpu 1: catch 3 tdcall: tdcall TDG.MEM.PAGE.ACCEPT`."""
        who = "nobody" if self.cpu is None else f"cpu {self.cpu}"
        number = f"{self.number} " if self.number else ""
        return f"{who}: catch {number}{self.what}: {self.said}"


class CaughtRegister(Stop, frozen=True):
    """A register that rules its CPU has changed, or is about to."""

    kind: ClassVar[StopKind] = "catch"

    number: int
    what: str
    register: str
    before: int
    after: int
    modes: tuple[str, str]
    """The CPU's, before and behind."""
    by: Doer

    @property
    def text(self) -> str:
        """`catch 2: cr3 0x1000 -> 0x2000 by cpu 0 at ...`; of a mode, its words."""
        old, new = self.modes if self.what == "mode" else (hex(self.before), hex(self.after))
        return f"catch {self.number}: {self.what} {old} -> {new} {self.by.text}"


class LimitReached(Stop, frozen=True):
    """As many instructions as were asked for."""

    kind: ClassVar[StopKind] = "limit"

    @property
    def text(self) -> str:
        """One sentence."""
        return "the ticks asked for have run"


class Paused(Stop, frozen=True):
    """Somebody paused a run."""

    kind: ClassVar[StopKind] = "pause"

    @property
    def text(self) -> str:
        """One word."""
        return "paused"


class BootEnded(Stop, frozen=True):
    """The boot has come to its end."""

    kind: ClassVar[StopKind] = "outcome"

    outcome: Outcome
    reason: str

    @property
    def text(self) -> str:
        """The reason."""
        return self.reason


class Entered(Stop, frozen=True):
    """Something reached the guest from outside."""

    kind: ClassVar[StopKind] = "entered"

    entry: str

    @property
    def text(self) -> str:
        """The entry."""
        return self.entry


class Travelled(Stop, frozen=True):
    """The machine was brought to another moment."""

    kind: ClassVar[StopKind] = "travel"

    tick: int
    to: Literal["tick", "branch", "back", "call", "beginning"] = "tick"
    name: str = ""
    """What the moment or the branch is called."""

    @property
    def text(self) -> str:
        """Where it is."""
        match self.to:
            case "tick":
                return f"at {self.name}{', ' if self.name else ''}tick {self.tick:,}"
            case "branch":
                return f"at the end of {self.name}"
            case "back":
                return "stepped back" if self.cpu is None else f"cpu {self.cpu} stepped back"
            case "call":
                return f"cpu {self.cpu}: the call of this function"
            case "beginning":
                return "nothing stopped before: this is the beginning"
