"""What the screen needs of a session, and nothing else."""

from typing import Protocol

from emu.inject.menu_view import InjectionMenu
from emu.picture.known import Named
from emu.picture.view import MachineView, Section
from emu.texts.meaning import Meaning


class Wants(Protocol):
    """Where the screen looks."""

    wanted: frozenset[Section]
    """What its panels need beside the CPUs."""
    window: tuple[int, int] | None
    """The ticks that the timeline shows; None for all that is known."""
    words: str
    """Whose words people type (`emu.debug.aliases`)."""
    notices: list[str]
    """What the message line has said, for who asks for it again."""
    explained: dict[str, tuple[str, ...]]
    """What the screen explains itself, by word."""


class Door(Protocol):
    """The one door to a machine (`emu.debug.session.Session` is one)."""

    @property
    def looks(self) -> Wants:
        """Where the screen looks."""

    @property
    def running(self) -> bool:
        """Whether a command is being carried out."""

    @property
    def searching(self) -> bool:
        """Whether a command is somewhere in the past: there is no picture of that."""

    def begin(self, what: str) -> None:
        """Start a command; raises ApdbgError with a sentence, and then nothing has changed."""

    def pump(self, seconds: float) -> bool:
        """Carry the command on for about so long; True while it is not finished."""

    def pause(self) -> None:
        """Stop a running command where it is."""

    def event_moments(self) -> list[tuple[int, int | None]]:
        """(tick, whose) of all events that are known, in order; None: no CPU's."""

    def stop_words(self) -> list[str]:
        """The commands that would set all breakpoints again."""

    def symbols(self) -> list[str]:
        """Every name that `break` and `until` know, sorted."""

    def known(self, kind: str) -> tuple[Named, ...]:
        """What can be named now, of a kind: `place`, `moment`, `cpu`, ..., `line main.c`."""

    def meanings(self, word: str) -> tuple[Meaning, ...]:
        """All that a word means; of no word: all that can be explained. Raises ApdbgError."""

    def menu(self) -> InjectionMenu:
        """What can be broken on this machine, and when."""

    def picture(self, focus: int | None = None) -> MachineView:
        """A frozen picture, with another CPU in focus if one is named."""
