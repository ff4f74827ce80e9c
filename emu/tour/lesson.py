"""What a lesson is: how its session begins, when it is done, and what is plausible but wrong.

To add one:

1. A file `emu/tour/lessons/NAME.py` with `LESSON = Lesson(...)`, and a line in `LESSONS` of
   `emu/tour/lessons/__init__.py` where it comes in the tour.
2. Its words, `emu/texts/tour/en/NAME.toml` and `emu/texts/tour/zh/NAME.toml` (what each of
   them is stands in `emu/tour/words.py`; `tests/tour/test_texts.py` measures them).
3. Its answers in `tests/tour/answers.py`: the keys that solve it, and for two or more of
   `wrong` the keys that are told off with that sentence. `tests/tour` plays them.

`done` is asked after each command, and after each key that may have turned a panel or moved a
cursor: the lesson is over at the first time that it is true. If it is not, the first of `wrong`
that is true has its sentence shown, until an action after which none is. So let these look at
`seen.last`, or at a state that one can leave: what is in `seen.commands` stays there until the
lesson begins anew. Neither may be true where the lesson begins. Both are called often: they
look at few things, and change nothing.
"""

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from emu.boot.samples import samples_dir
from emu.debug.opening import open_session
from emu.debug.session import Session
from emu.tour.scene import Scene

Holds = Callable[[Scene], bool]


class Opening(Struct, frozen=True):
    """How the session of a lesson begins; the fields are the command line's."""

    image: str = "shim.elf"
    """In the folder of the samples: `gallery/no-ack.elf`."""
    kernel: str | None = None
    """Beside it; None: its own."""
    platform: str = "tdx"
    cpus: int = 4
    memory: int | None = None
    seed: int = 0
    cmdline: str = ""
    schedule: str = ""
    inject: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    """Commands that are carried out before the lesson begins: `step 20`."""


class Lesson(Struct, frozen=True):
    """One question that is answered by doing."""

    name: str
    """That of its files of texts."""
    done: Holds
    """Whether it is answered."""
    wrong: tuple[tuple[str, Holds], ...]
    """By the name of its sentence: what is plausible, but does not answer it."""
    opening: Opening = Opening()
    panel: str = ""
    """The panel that is opened where the lesson is guided."""
    row: str = ""
    """The row of it that is lit: the beginning of a `Spot.key`."""
    look: tuple[str, ...] = ()
    """Commands that only look, carried out where it is guided: `walk rip`."""


def opened(lesson: Lesson) -> Session:
    """A session where a lesson begins; raises ApdbgError."""
    opening = lesson.opening
    image: Path = samples_dir() / opening.image
    kernel = opening.kernel and str(samples_dir() / opening.kernel)
    session = open_session(
        str(image), platform=opening.platform, cpus=opening.cpus, memory=opening.memory,
        seed=opening.seed, kernel=kernel, cmdline=opening.cmdline, schedule=opening.schedule,
        inject=opening.inject,
    )  # fmt: skip
    for text in opening.said:
        session.do(text)
    session.desk.reply = ()
    return session
