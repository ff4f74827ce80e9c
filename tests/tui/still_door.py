"""A door behind which nothing moves: for pictures that must look the same tomorrow."""

from msgspec.structs import replace

from emu.errors import CommandError
from emu.inject.menu_view import InjectionMenu, KindView, MomentView, ParameterView
from emu.inject.when import USAGE
from emu.picture.known import Named, named
from emu.picture.looks import Looks
from emu.picture.view import MachineView
from emu.texts.explanations import explanations, found, kinds, meaning_of
from emu.texts.meaning import Meaning

SYMBOLS = ("mailbox_ack", "mailbox_wait", "secondary_idle", "secondary_start")

_CPU = ParameterView("CPU", "a CPU's number", "3", True)
MENU = InjectionMenu(
    (
        KindView("nmi", "CPU", "a non-maskable interrupt arrives", "nmi CPU", (_CPU,), "",
                 "nmi 3"),
        KindView("never-starts", "CPU", "the host says that it started the CPU, and does not",
                 "never-starts CPU", (_CPU,), "", "never-starts 3"),
        KindView("status", "VMM", "the next COUNT calls of a name return a status",
                 "status CALL STATUS [COUNT]", (
                     ParameterView("CALL", "part of a call's name, `.` for any", ".", True),
                     ParameterView("STATUS", "what the call returns, 64 bits", "5", True),
                     ParameterView("COUNT", "how many times", "1", False),
                 ), "exit tdcall", "status . 5"),
    ),
    "tick 3520311",
    (
        MomentView("before cpu 2 executes mailbox_wait+0xf", "mailbox_wait+0xf cpu 2"),
        MomentView("at the next mailbox command", "mailbox command"),
        MomentView("when a cpu waits at the mailbox", "mailbox_wait"),
        MomentView("when a cpu takes the wake-up", "mailbox_ack"),
    ),
    USAGE,
    ("mailbox", "command=wakeup"),
)  # fmt: skip


def known(kind: str) -> tuple[Named, ...]:
    """What can be named on the picture."""
    words = {
        "place": dict.fromkeys(SYMBOLS, "symbol"), "value": dict.fromkeys(SYMBOLS, "symbol"),
        "cpu": {"0": "running", "1": "parked"}, "word": dict.fromkeys(("step", "parked"), ""),
    }  # fmt: skip
    return named(words.get(kind, {}))


class Still:
    """Shows one view, with any CPU in focus; every command is over at once."""

    def __init__(self, view: MachineView) -> None:
        self._view = view
        self.begun: list[str] = []
        self.looks = Looks()

    @property
    def running(self) -> bool:
        """Never."""
        return False

    @property
    def searching(self) -> bool:
        """Never."""
        return False

    def begin(self, what: str) -> None:
        """Only remembers the command."""
        self.begun.append(what)

    def pump(self, seconds: float) -> bool:
        """There is nothing to carry on."""
        return False

    def pause(self) -> None:
        """Nothing runs."""

    def event_moments(self) -> list[tuple[int, int | None]]:
        """Those of the events in the picture."""
        return [(event.tick, event.cpu) for event in self._view.sections.log.rows]

    def stop_words(self) -> list[str]:
        """None."""
        return []

    def symbols(self) -> list[str]:
        """The labels in the picture."""
        return sorted({*SYMBOLS, *(f"shim:{name}" for name in SYMBOLS)})

    def known(self, kind: str) -> tuple[Named, ...]:
        """The labels as places, two CPUs, and nothing else."""
        return known(kind)

    def meanings(self, word: str) -> tuple[Meaning, ...]:
        """What the texts say."""
        if not word:
            return tuple(
                Meaning(kind, " ", see=(*explanations(kind, "en"),)) for kind in kinds()
            )
        if not found(word, "en"):
            raise CommandError(f"help: no explanation of {word}")
        return tuple(map(meaning_of, found(word, "en")))

    def menu(self) -> InjectionMenu:
        """Two kinds of two groups."""
        return MENU

    def picture(self, focus: int | None = None) -> MachineView:
        """The view, with another focus if one is named."""
        if focus is not None:
            self._view = replace(self._view, focus=focus)
        return self._view
