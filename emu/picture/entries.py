"""What became of everything that people did to a branch: injections wait, fire or cannot be."""

from collections import defaultdict
from typing import Final

from emu.given.number import is_digits
from emu.machine.injected import Armed, Fired, Trigger
from emu.machine.machine import Machine
from emu.picture.view import EntryView
from emu.timeline.moment import Entry
from emu.timeline.timeline import Timeline

CPU: Final = "CPU"
"""The parameter of an injection that is the CPU which it is done to."""
ENTRIES_IN_VIEW: Final = 1_000
"""Entries of a branch that a picture has; of more, the newest."""


def entries(machine: Machine, timeline: Timeline) -> tuple[EntryView, ...]:
    """The entries of the branch in the order of time, each with what became of it."""
    every = timeline.branch.entries
    first = max(len(every) - ENTRIES_IN_VIEW, 0)
    fates: dict[str, list[Fired | Armed]] = defaultdict(list)
    for fired in machine.injected.fired:
        fates[fired.spec].append(fired)
    for armed in machine.injected.armed:
        fates[armed.spec].append(armed)
    found = []
    for index in range(len(every) - 1, first - 1, -1):
        entry, done = every[index], index < timeline.driver.done
        word, _, rest = entry.text.partition(" ")
        mine = fates.get(" ".join(rest.split())) if done and word == "inject" else None
        found.append(_entry(machine, entry, done, mine.pop() if mine else None))
    return tuple(reversed(found))


def whose(text: str) -> int | None:
    """The CPU that an entry is done to, or else the one whose coming it waits for; None where
    it is no CPU's alone."""
    word, _, rest = text.partition(" ")
    match word:
        case "inject":
            return _injected(rest.split())
        case "set":
            rest = rest.partition(":")[0].removeprefix("cpu")
    return int(rest) if is_digits(rest) else None


def _injected(words: list[str]) -> int | None:
    from emu.inject.kinds import BY_NAME  # 60 files that a healthy boot does without

    end = words.index("at") if "at" in words else len(words)
    kind = BY_NAME.get(words[0])
    names = [] if kind is None else [one.name for one in kind.parameters]
    place = names.index(CPU) + 1 if CPU in names else end
    word = words[place] if place < end else ""
    if not word and "cpu" in words[end:-1]:
        word = words[words.index("cpu", end) + 1]
    return int(word) if is_digits(word) else None


def _entry(machine: Machine, entry: Entry, done: bool, fate: Fired | Armed | None) -> EntryView:
    tick, text, cpu = entry.tick, entry.text, whose(entry.text)
    match fate:
        case Armed(spec, trigger, _, left):
            words = "" if " at " in spec else moment(machine, trigger)
            more = f"{left:,} times more" if left > 1 else ""
            return EntryView(
                tick, text, done, "waits", ", ".join(filter(None, (words, more))), cpu=cpu
            )
        case Fired(_, at, problem):
            problem = problem.removeprefix("inject: ")
            return EntryView(
                tick, text, done, "failed" if problem else "fired", problem, at, cpu
            )
    return EntryView(tick, text, done, cpu=cpu)


def moment(machine: Machine, trigger: Trigger) -> str:
    """What is waited for in words, such as `cpu 2 reaches parked`."""
    who = "a cpu" if trigger.cpu is None else f"cpu {trigger.cpu}"
    match trigger.kind:
        case "tick":
            words = f"tick {trigger.number:,}"
        case "time":
            words = f"{trigger.number / 1e9:,.6g} ms of the machine's time"
        case "code":
            words = f"{who} reaches {_places(machine, trigger.addresses)}"
        case "mailbox":
            value = "" if trigger.value is None else f" = {trigger.value:#x}"
            words = f"{who} stores the mailbox's {trigger.text}{value}"
        case "exit" | "event":
            words = f"{trigger.kind} {trigger.text!r}"
            words += "" if trigger.cpu is None else f" of {who}"
    return words


def _places(machine: Machine, addresses: frozenset[int]) -> str:
    names = {machine.board.layout.symbols.name(one) or f"{one:#x}" for one in addresses}
    return " or ".join(sorted(names))
