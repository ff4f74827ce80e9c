"""What a lesson may look at to tell whether it is done: the machine, and what a person did."""

from msgspec import Struct

from emu.debug.session import Session
from emu.hw.cpu import Cpu
from emu.machine.machine import Machine
from emu.mailbox.rule import Finding
from emu.picture.picture import Picture
from emu.picture.view import ApProgress


class Scene(Struct, frozen=True):
    """A session between two commands, and what a person has done in it since the lesson began.

    Lessons only look; nothing here changes the machine."""

    session: Session
    commands: tuple[str, ...] = ()
    """The commands that were carried out, the newest last, in our own words and written out:
    the key `s` is `step`, `20s` is `step 20`, a typed `si` is `step` (`emu.debug.language`).
    What was said before the lesson began is not among them."""
    refused: str = ""
    """The newest command, as it was typed, if the session refused it; else empty."""
    panel: str = ""
    """The id of the panel that has the keys (`tui.panels`); empty without a screen."""
    row: str = ""
    """The key of the row that is pointed at there (`Spot.key`); empty: none is."""

    @property
    def last(self) -> str:
        """The newest command; empty: none yet."""
        return self.commands[-1] if self.commands else ""

    def said(self, words: str) -> bool:
        """Whether a command was carried out that begins with these words."""
        return any(f"{one} ".startswith(f"{words} ") for one in self.commands)

    @property
    def machine(self) -> Machine:
        """The machine."""
        return self.session.machine

    @property
    def tick(self) -> int:
        """Instructions of all CPUs up to now."""
        return self.machine.board.tick

    @property
    def view(self) -> Picture:
        """A picture of this moment; each part of it is made when it is read."""
        return self.session.view()

    @property
    def focus(self) -> int:
        """The CPU that is selected."""
        return self.session.focus

    @property
    def cpu(self) -> Cpu:
        """The same with its registers."""
        return self.machine.board.cpus[self.focus]

    @property
    def reply(self) -> tuple[str, ...]:
        """What the newest command had to say."""
        return self.session.desk.reply

    @property
    def outcome(self) -> str:
        """What the boot became (`booted`, `hung`, ...); empty: it has not ended here."""
        verdict = self.session.verdict
        return "" if verdict is None else verdict.outcome

    @property
    def stops(self) -> frozenset[str]:
        """Why the machine stands still: kinds of `emu.picture.stop`."""
        return frozenset(stop.kind for stop in self.session.stop)

    def at(self, cpu: int) -> str:
        """Where a CPU is, as `symbol+0x6`; empty where no symbol covers it."""
        return self.view.cpus[cpu].symbol

    def ap(self, cpu: int) -> ApProgress | None:
        """How far an AP is in the protocol; None before there is a mailbox."""
        mailbox = self.view.mailbox
        aps = () if mailbox is None else mailbox.aps
        return next((one for one in aps if one.cpu == cpu), None)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The rules that were broken up to now."""
        return self.session.findings()
