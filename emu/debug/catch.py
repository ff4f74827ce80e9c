"""Stops at what a machine does rather than where a CPU is: exits, exceptions, mode switches.

Most of it is in the log, so a catch is a look at the newest events. Registers that rule a CPU
(CR0, CR3, CR4, EFER, CS) are looked at between any two instructions of every CPU.
"""

from typing import Final, Literal

from msgspec import Struct, field

from emu.errors import CommandError
from emu.machine.event import Event, MailboxWrite, Milestone
from emu.machine.probe import RegisterProbe
from emu.picture.view import BreakpointView
from emu.vmm.asked import Asked
from emu.vmm.asked_words import families
from emu.vmm.wanted import Wanted, wanted_exit

REGISTERS: Final[dict[str, tuple[str, ...]]] = {
    "mode": ("cr0", "efer", "cs"), "cr0": ("cr0",), "cr3": ("cr3",), "cr4": ("cr4",),
    "efer": ("efer",),
}  # fmt: skip
"""Kind -> the registers whose change may be it."""
EXITS: Final = (
    "exit", "hypercall", "tdcall", "rdmsr", "wrmsr", "msr", "cpuid", "port", "exception",
)  # fmt: skip
"""Kinds that are looked for in the log of exits: all of them, or a family."""
LogName = Literal["exits", "events"]
LOGS: Final[tuple[LogName, ...]] = ("exits", "events")
_RAISED: Final = ("exception",)
"""Kinds that are looked for in the log of events as well: an exception that comes while another
is delivered is no exit."""
EVENTS: Final = ("mailbox", "milestone", "fault", "state", "serial", "log")
"""Kinds of the log of events."""


class Catch(Struct):
    """One kind of thing that stops the machine, `text` a part of its words."""

    number: int
    kind: str
    text: str
    wanted: Wanted
    """What `text` says of an exit."""
    hits: int = 0

    @property
    def name(self) -> str:
        """What people call it."""
        return f"catch {self.kind} {self.text}".rstrip()

    def view(self) -> BreakpointView:
        """The catch as a screen shows it, among the breakpoints."""
        return BreakpointView(self.number, self.name, 0, None, self.hits)

    def wants(self, event: Event) -> bool:
        """Whether an entry of the log that this kind is looked for in is meant."""
        if isinstance(event.detail, Asked):
            return self.wants_exit(event.detail)
        if self.kind == "mailbox":
            field = event.detail.field if isinstance(event.detail, MailboxWrite) else ""
            return event.kind == "mailbox" and self.text in ("", field)
        if self.kind == "milestone":
            told = event.detail if isinstance(event.detail, Milestone) else Milestone("")
            return event.kind == "milestone" and self.text in ("", told.name, *told.roles)
        return event.kind == self.kind and self.text.lower() in event.text.lower()

    def wants_exit(self, asked: Asked) -> bool:
        """The same of the log of exits."""
        mine = self.kind == "exit" or self.kind in families(asked)
        return mine and self.wanted.meets(asked)


def catch_of(number: int, kind: str, text: str) -> Catch:
    """A catch of a kind; raises CommandError for one that there is not."""
    if not (kind in REGISTERS or kind in EXITS or kind in EVENTS):
        known = ", ".join((*REGISTERS, *EXITS, *EVENTS))
        raise CommandError(f"catch: {kind!r} is none of {known}")
    if kind in REGISTERS and text:
        raise CommandError(f"catch {kind}: takes no more words, not {text!r}")
    return Catch(number, kind, text, wanted_exit(text))


def caught(words: str) -> tuple[str, str] | None:
    """(kind, text) of words such as `serial Brought up`; None where they are a place."""
    kind, _, text = words.partition(" ")
    return (kind, text.strip()) if text.strip() and kind in (*EXITS, *EVENTS) else None


class Catches(Struct):
    """All catches; their numbers are drawn from those of the breakpoints."""

    listed: list[Catch] = field(default_factory=list)
    temporary: list[Catch] = field(default_factory=list)
    """For the command that is being carried out."""

    @property
    def all(self) -> list[Catch]:
        """Both."""
        return [*self.listed, *self.temporary]

    def add(self, number: int, kind: str, text: str) -> Catch:
        """Catch a kind; raises CommandError for one that there is not."""
        self.listed.append(catch_of(number, kind, text))
        return self.listed[-1]

    def until(self, kind: str, text: str) -> None:
        """Stop at the next one, for the command that is being carried out."""
        self.temporary.append(catch_of(0, kind, text))

    def delete(self, number: int) -> bool:
        """Remove one; False for an unknown number."""
        kept = [catch for catch in self.listed if catch.number != number]
        found = len(kept) != len(self.listed)
        self.listed = kept
        return found

    def of(self, name: LogName, event: Event) -> list[Catch]:
        """Those that an entry of one of the two logs is for."""
        return [catch for catch in self._in(name) if catch.wants(event)]

    def reads(self, name: LogName) -> bool:
        """Whether anything is looked for in a log."""
        return bool(self._in(name))

    def _in(self, name: LogName) -> list[Catch]:
        kinds = EXITS if name == "exits" else (*EVENTS, *_RAISED)
        return [catch for catch in self.all if catch.kind in kinds]

    def probes(self) -> list[tuple[Catch, RegisterProbe]]:
        """What looks at the registers that are caught, on every CPU."""
        return [
            (catch, RegisterProbe(None, register))
            for catch in self.all
            for register in REGISTERS.get(catch.kind, ())
        ]
