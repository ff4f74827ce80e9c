"""The one command by which anybody comes to the very state that a session is in.

Where options of `apdbg run` say all that was done, it is that. Steps, edits and whatever else
was entered on the way have no option; then it is `apdbg replay` of a recording, whose lines go
with the report.
"""

import os
import shlex
from typing import Final

from emu.boot.platform import platform_text
from emu.debug.desk import Desk
from emu.debug.recording import GAP_TICKS, brief
from emu.debug.setup import Options, Setup
from emu.errors import ApdbgError, RecordingError
from emu.given.plain import plain
from emu.judge.report import Reproduction
from emu.machine.pause import Pause
from emu.timeline.moment import START, Entry, Moment
from emu.timeline.timeline import Timeline

FILE: Final = "boot.apdbg"
"""The recording that `apdbg replay` is to read."""
_WORDS: Final = (
    ("platform", "--platform"), ("cpus", "--cpus"), ("possible", "--possible"),
    ("memory", "--memory"), ("seed", "--seed"),
    ("kernel", "--kernel"), ("initrd", "--initrd"), ("cmdline", "--cmdline"),
    ("host_dtb", "--host-dtb"), ("max_ticks", "--max-ticks"), ("watchdog", "--watchdog"),
    ("symbols", "--symbols"), ("ap_loop", "--ap-loop"), ("at", "--at"),
    ("mailbox", "--mailbox"), ("loop_mode", "--loop-mode"), ("loop_entry", "--loop-entry"),
    ("loop_reset", "--loop-reset"), ("sidecar", "--sidecar"), ("reset", "--reset"),
    ("persisted", "--persisted"), ("igvm_base", "--igvm-base"),
    ("load", "--load"), ("loop_plan", "--loop-plan"),
)  # fmt: skip
"""Field of Options -> the command line's word for it."""
_CUT_OFF: Final = (
    "the watchdog looks from time to time: a run that was stopped on its way may have been cut "
    "off some instructions earlier or later"
)
_ALWAYS: Final = ("platform",)


def reproduction(desk: Desk) -> Reproduction:
    """The command for where the machine stands; it does not move in the end."""
    timeline, options = desk.timeline, desk.setup.options
    entries = timeline.branch.entries[: timeline.driver.done]
    given = _as_options(entries)
    place = "" if desk.verdict is not None else _place(timeline)
    if given is None:
        return _replayed(desk, f"no option of `apdbg run` says {_what(entries)}")
    if place is None:
        return _replayed(desk, "no option of `apdbg run` says between which beats of a tick")
    if not options.rules:
        return _replayed(desk, "no option of `apdbg run` says that the rules are switched off")
    if not _is_as_it_was(desk.setup):
        return _replayed(desk, "the platform's file is not what it was")
    until = ["--until", place] if place else []
    note = _CUT_OFF if timeline.branch.last is Pause.STUCK else ""
    return Reproduction(_shell("run", *_machine(options), *given, *until), note, [])


def _replayed(desk: Desk, why: str) -> Reproduction:
    """By a recording, whose lines are given if they can be."""
    command = _shell("replay", FILE)
    if desk.timeline.now.tick > GAP_TICKS:
        note = f"{why}: `save {FILE}` in the session writes what it reads"
        return Reproduction(command, note, [])
    try:
        return Reproduction(command, f"{why}: {FILE} has the lines below", brief(desk))
    except RecordingError as error:
        return Reproduction(command, f"{why}, and {error}", [])


def _is_as_it_was(setup: Setup) -> bool:
    """Whether the platform's file says what this machine was made by: a recording brings its
    own text."""
    try:
        return platform_text(setup.options.platform) == setup.platform_text
    except ApdbgError:
        return False


def _what(entries: list[Entry]) -> str:
    """The first thing that was entered and has no option."""
    late = next((one for one in entries if (one.tick, one.beat) != (0, 0)), entries[0])
    return f"what was entered at tick {late.tick:,} ({plain(late.text)})"


def _as_options(entries: list[Entry]) -> list[str] | None:
    """Entries as options; None where they are not all of power-on, or not in an order that
    options have: a schedule, then injections."""
    words: list[str] = []
    for place, one in enumerate(entries):
        kind, _, rest = one.text.partition(" ")
        known = kind == "inject" or (kind == "schedule" and place == 0)
        if not known or (one.tick, one.beat) != (START.tick, START.beat):
            return None
        words += _option(f"--{kind}", rest)
    return words


def _place(timeline: Timeline) -> str | None:
    """`tick N` if the machine stands in the first state at that tick; None if it does not."""
    here = timeline.now
    _ = timeline.end
    timeline.goto(Moment(here.tick, 0, here.entries))
    first = timeline.now
    timeline.goto(here)
    return f"tick {here.tick}" if first == here else None


def _machine(options: Options) -> list[str]:
    """What to boot, in the command line's words."""
    image = options.image
    words = [] if image is None else [f"./{image}" if image.startswith("-") else image]
    usual = Options()
    for name, word in _WORDS:
        value = getattr(options, name)
        if name in _ALWAYS or value != getattr(usual, name):
            for one in value if isinstance(value, tuple) else (value,):
                words += _option(word, str(one))
    return words


def _option(word: str, value: str) -> list[str]:
    """A value that looks like an option is written in one word with its own."""
    return [f"{word}={value}"] if value.startswith("-") else [word, value]


def _shell(*words: str) -> str:
    """A line for a shell, whatever the names of files have in them."""
    return " ".join(("apdbg", *map(_quoted, words)))


def _quoted(word: str) -> str:
    if word.isprintable() and plain(word) == word:
        return shlex.quote(word)
    spelled = "".join(
        chr(byte) if 0x20 <= byte < 0x7F and chr(byte) not in "'\\" else f"\\x{byte:02x}"
        for byte in os.fsencode(word)
    )
    return f"$'{spelled}'"
