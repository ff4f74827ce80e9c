"""What people did to this branch of the timeline: injections, edits, and who was to run."""

from emu.debug.view import EntryView, MachineView
from tui.panels.base import Page, Panel, Spot, Window, joined, notice, span_words, top_of
from tui.text import Line, Role, line, pad, right

_NOTHING = (
    "Nothing was done to this machine from outside. :inject breaks something, :set changes a "
    "value, :hold lets a CPU stand still."
)
_ROLES: dict[str, Role] = {"inject": "bad", "set": "warn", "hold": "busy", "release": "busy"}
TICK_CELLS = 13
WORD_CELLS = 8


def _row(entry: EntryView) -> Line:
    word, _, rest = entry.text.partition(" ")
    return line(
        ("  " if entry.done else "~ ", "dim"),
        (right(f"{entry.tick:,}", TICK_CELLS) + "  ", "dim"),
        (pad(word, WORD_CELLS) + "  ", _ROLES.get(word, "plain")), (rest, "plain"),
    )  # fmt: skip


def render(view: MachineView, window: Window) -> Page:
    """One row for each entry of the branch, in the order of time."""
    held = f"held: {', '.join(map(str, sorted(view.held)))}" if view.held else ""
    detail = joined(view.schedule, held)
    entries = view.entries
    if not entries:
        return notice(_NOTHING, window, detail)
    wanted = sum(entry.done for entry in entries) - 1
    top = top_of(window, window.height, len(entries), max(wanted, 0))
    shown = entries[top : top + window.height]
    return Page(
        lines=tuple(_row(entry) for entry in shown),
        detail=joined(detail, span_words(top, window.height, len(entries))),
        top=top, rows=window.height, total=len(entries), anchor=(top, 0),
        spots=tuple(
            Spot(row, f"{top + row}", f"goto {entry.tick}") for row, entry in enumerate(shown)
        ),
    )  # fmt: skip


HELP = """\
Everything that came from outside on this branch, in the order of time. The machine's past is
exactly this list and the seed, so a recording is little more. ~ marks what lies ahead of the
moment that is shown.

  inject    something was broken on purpose      set       a value was changed
  hold      a CPU stands still until released    hand      a CPU was stepped
  auto      all CPUs ran again                   first     a CPU was chosen to run next

The title tells who runs next, and who is held. Enter on a row goes to its moment."""

PANEL = Panel("injections", "Injections", render, HELP, short="Inject", words=("inject",))
