"""Which keys matter now: those that the bar below the panels has room for."""

from typing import Final, Literal

from emu.picture.view import MachineView
from tui.keys import Key, shown_first
from tui.situation import Situation
from tui.trail import is_over

State = Literal["stopped", "running", "past", "ended"]
Wanted = tuple[str, str]
"""The name of an action, and its word where that is another than the table's."""
_REST: Final = ("frame.next", "cpu.next", "jump")
_MORE: Final = (
    "filter", "zoom", "copy", "palette", "stack", "step.line", "until", "mark", "hold", "first",
)  # fmt: skip
BARS: Final[dict[State, tuple[str, ...]]] = {
    "stopped": (
        "step", "next", "run", "reverse.step", "prompt", "break", *_REST, "inject",
        "reverse.run", "finish", "goto", *_MORE,
    ),
    "running": ("pause", "prompt", *_REST, "zoom", "copy", "palette"),
    "past": (
        "step", "run", "reverse.step", "reverse.run", "goto", "prompt", "event.on", *_REST,
        "next", "play", "inject", "reset", "break", *_MORE,
    ),
    "ended": (
        "finding.next", "reverse.step", "reverse.run", "goto", "reset", "findings", "prompt",
        *_REST, "inject", "event.on", *_MORE,
    ),
}  # fmt: skip
"""By what the machine does: the actions that one can take then, the most wanted first."""
ALWAYS: Final = ("help", "quit")
"""These two are there at every width."""
_COUNTED: Final = {
    "step": "Step", "next": "Over", "reverse.step": "Back", "reverse.next": "Back over",
}  # fmt: skip
"""Actions that take a number, and their words."""
_OF_FINDINGS: Final = ("finding.next", "findings")
_SAID: Final = {"cpu.next": "< >", "event.on": "{ }", "down": "Down"}
"""Keys that are not said by their shortest name, where a preset leaves them."""
Hint = tuple[str, str, Key]
"""The key as people read it, what it does in a word, and its row of the table."""


def state_of(view: MachineView) -> State:
    """Whether the machine runs, stands, stands in the past, or has come to the end of its
    course."""
    if view.running:
        return "running"
    if is_over(view):
        return "ended"
    return "past" if view.tick < view.timeline.end else "stopped"


def wanted(view: MachineView, on: Situation) -> tuple[list[Wanted], list[Wanted]]:
    """The actions that can be taken, the most wanted first, and those that are always there."""
    if on.dialog:
        return [("cancel", "Close")], [("quit.now", "Quit")]
    always = [(name, "") for name in ALWAYS]
    if on.jumping:
        return [("cancel", "Stay")], always
    if on.number:
        return _counted(view, on.number), always
    first: list[Wanted] = []
    if on.enter:
        first.append(("repeat", on.enter))
    if on.edits:
        first.append(("edit", ""))
    rest = [
        (name, "") for name in BARS[state_of(view)]
        if view.findings.rows or name not in _OF_FINDINGS
    ]  # fmt: skip
    if on.rows:
        rest.insert(min(5, len(rest)), ("down", ""))
    return [*first, *rest], always


def _counted(view: MachineView, number: str) -> list[Wanted]:
    """What can be done with a number."""
    found = [(name, f"{word} {number}") for name, word in _COUNTED.items()]
    if int(number) < len(view.cpus):
        found.insert(0, ("repeat", f"CPU {int(number)}"))
    return [*found, ("cancel", "Forget it")]


def hints(
    view: MachineView, table: tuple[Key, ...], width: int, on: Situation | None = None
) -> list[Hint]:
    """What can be done now, as many hints as fit wholly into so many cells; those that are
    always there stand last."""
    by_id = {key.id: key for key in table}
    first, last = wanted(view, on or Situation())
    always = [_hint(by_id[name], label) for name, label in last]
    room = width - sum(map(cells, always))
    found = []
    for name, label in first:
        hint = _hint(by_id[name], label)
        if cells(hint) > room:
            break
        found.append(hint)
        room -= cells(hint)
    return [*found, *always]


def _hint(key: Key, label: str) -> Hint:
    """The shortest way to say a key."""
    said = _SAID.get(key.id, "")
    there = bool(said) and said.split()[-1] in key.shown.split()
    return said if there else shown_first(key), label or key.label, key


def cells(hint: Hint) -> int:
    """How wide a hint is, with the air around it."""
    return len(hint[0]) + len(hint[1]) + 3
