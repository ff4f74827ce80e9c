"""The one table of keys: bindings, the key bar, the help and the palette are made from it."""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from textual.binding import Binding, BindingType

from emu.given.number import is_digits
from tui.arranging import Arranging
from tui.copying import Copying
from tui.cursor import Cursor
from tui.desk import Desk
from tui.dialogs import Dialogs
from tui.finding_keys import FindingKeys
from tui.jump import Jump
from tui.orders import Orders
from tui.screenshot import save_picture
from tui.timeline_keys import TimelineKeys
from tui.tour import Touring
from tui.way import Way


class Parts(Struct, frozen=True):
    """What keys act on."""

    desk: Desk
    arranging: Arranging
    orders: Orders
    dialogs: Dialogs
    cursor: Cursor
    timeline: TimelineKeys
    copying: Copying
    way: Way
    findings: FindingKeys
    jump: Jump
    tour: Touring


class Key(Struct, frozen=True):
    """One action, the keys that do it, and its words."""

    id: str
    """The name of the action, for keymaps of users."""
    keys: tuple[str, ...]
    """Textual's names of the keys."""
    shown: str
    """The keys as people read them."""
    act: Callable[[Parts], object]
    """What it does."""
    help: str
    label: str = ""
    """In the key bar, where `tui.key_bar` has it."""


KEYS: Final[tuple[Key, ...]] = (
    Key("step", ("s", "f7"), "s F7", lambda on: on.orders.move("step"),
        "step one instruction of the selected CPU; 20s steps 20", "Step"),
    Key("next", ("n", "f8"), "n F8", lambda on: on.orders.move("next"),
        "step over: a CALL runs to its return, a REP to its end", "Over"),
    Key("run", ("c", "f9"), "c F9", lambda on: on.orders.move("run"),
        "run all CPUs until something stops them", "Run"),
    Key("reverse.step", ("S", "shift+f7"), "S", lambda on: on.orders.move("reverse-step"),
        "step the selected CPU back; 20S twenty times", "Back"),
    Key("reverse.next", ("N", "shift+f8"), "N", lambda on: on.orders.move("reverse-next"),
        "step back over a call that has returned", "Back over"),
    Key("reverse.run", ("C", "shift+f9"), "C", lambda on: on.orders.move("reverse-run"),
        "go back to the last breakpoint or watchpoint", "Run back"),
    Key("reverse.finish", ("F",), "F", lambda on: on.orders.move("reverse-finish"),
        "go back to the call of the CPU's function"),
    Key("goto", ("g",), "g", lambda on: on.dialogs.ask("goto "),
        "go to a tick, 50%, mark, milestone or #event", "Go to"),
    Key("mark", ("m",), "m", lambda on: on.dialogs.ask("mark "),
        "give this moment a name", "Mark"),
    Key("scrub.back", ("shift+left",), "shift+Left", lambda on: on.timeline.scrub(-1),
        "back by a column of time"),
    Key("scrub.on", ("shift+right",), "shift+Right", lambda on: on.timeline.scrub(1),
        "on by a column of time"),
    Key("event.back", ("left_curly_bracket",), "{", lambda on: on.timeline.to_event(-1),
        "to the event before"),
    Key("event.on", ("right_curly_bracket",), "}", lambda on: on.timeline.to_event(1),
        "to the event after", "Event"),
    Key("window.less", ("plus",), "+", lambda on: on.timeline.window(4),
        "show less of the timeline, around here"),
    Key("window.more", ("minus",), "-", lambda on: on.timeline.window(-4),
        "show more of the timeline"),
    Key("pan.back", ("left_parenthesis",), "(", lambda on: on.timeline.pan(-1),
        "show an earlier stretch of time"),
    Key("pan.on", ("right_parenthesis",), ")", lambda on: on.timeline.pan(1),
        "show a later stretch of time"),
    Key("play", ("p",), "p", lambda on: on.timeline.play(),
        "play the known course; p again stops", "Play"),
    Key("picture", ("ctrl+s",), "^S", lambda on: save_picture(on.desk),
        "save the screen as an SVG picture"),
    Key("pause", ("space",), "space", lambda on: on.orders.pause(),
        "pause a running machine", "Pause"),
    Key("interrupt", ("ctrl+c",), "^C", lambda on: on.dialogs.interrupt(),
        "pause; leave the prompt; never quits"),
    Key("finish", ("f",), "f", lambda on: on.orders.move("finish"),
        "run until the CPU's function returns", "Finish"),
    Key("until", ("u",), "u", lambda on: on.dialogs.ask("until "),
        "run to a symbol, file:line or address", "Until"),
    Key("break", ("b",), "b", lambda on: on.dialogs.ask("break "),
        "set a breakpoint at a symbol, file:line or address", "Break"),
    Key("break.here", ("f2",), "F2", lambda on: on.cursor.toggle_break(),
        "set or remove a breakpoint at the cursor, or where the CPU is"),
    Key("step.all", ("a",), "a", lambda on: on.orders.move("step all"),
        "step every CPU by one instruction, in lockstep"),
    Key("step.line", ("l",), "l", lambda on: on.orders.move("step line"),
        "step the selected CPU to another line of source, into calls too", "Line"),
    Key("reverse.line", ("L",), "L", lambda on: on.orders.move("reverse-step line"),
        "go back to where the CPU came to the line that it executed last"),
    Key("hold", ("H",), "H", lambda on: on.orders.hold(),
        "hold the selected CPU still, or release it", "Hold"),
    Key("inject", ("i",), "i", lambda on: on.dialogs.inject(),
        "inject: break something on purpose, chosen from a list, now or at a moment", "Inject"),
    Key("first", ("I",), "I", lambda on: on.orders.first(),
        "let the selected CPU be the next to run", "First"),
    Key("reset", ("R",), "R", lambda on: on.orders.order("reset"),
        "begin again, as a branch: what was done stays; breakpoints stay", "Again"),
    Key("repeat", ("enter",), "Enter", lambda on: on.cursor.enter(),
        "go to what the cursor points at; else repeat the last command", "Enter"),
    Key("back", ("backspace",), "Backspace", lambda on: on.way.back(),
        "back to the panel, the rows and the CPU from before the last answer or jump"),
    Key("cpu.previous", ("less_than_sign",), "<", lambda on: on.orders.select_by(-1),
        "select the CPU before; a number selects that one"),
    Key("cpu.next", ("greater_than_sign",), ">", lambda on: on.orders.select_by(1),
        "select the next CPU", "CPU"),
    Key("cpu.unwell", ("exclamation_mark",), "!", lambda on: on.orders.order("unwell"),
        "select the next CPU that is dead, stuck, lost or given up"),
    Key("frame.next", ("tab",), "Tab", lambda on: on.desk.app.action_focus_next(),
        "go to the next panel", "Panels"),
    Key("frame.previous", ("shift+tab",), "shift+Tab",
        lambda on: on.desk.app.action_focus_previous(), "go to the panel before"),
    Key("tab.previous", ("left_square_bracket", "left"), "[ Left",
        lambda on: on.arranging.turn(-1), "show the tab before in this place"),
    Key("tab.next", ("right_square_bracket", "right"), "] Right",
        lambda on: on.arranging.turn(1), "show the next tab in this place"),
    Key("zoom", ("z",), "z", lambda on: on.arranging.zoom(),
        "let this panel fill the screen, and back", "Zoom"),
    Key("stack", ("K",), "K", lambda on: on.arranging.show_panel("stack"),
        "show the stack of the selected CPU, frame by frame", "Stack"),
    Key("panel.close", ("X",), "X", lambda on: on.arranging.close(),
        "close this panel; the palette opens it"),
    Key("panel.move", ("M",), "M", lambda on: on.arranging.move(),
        "move this panel to the next place"),
    Key("panel.swap", ("W",), "W", lambda on: on.arranging.swap(),
        "swap this panel with the next place's"),
    Key("panel.reset", (), "^P", lambda on: on.arranging.reset(),
        "put all panels back to where they were"),
    Key("up", ("up", "k"), "Up k", lambda on: on.cursor.scroll(-1),
        "point at the row above; scroll"),
    Key("down", ("down", "j"), "Down j", lambda on: on.cursor.scroll(1),
        "point at the row below; scroll", "Rows"),
    Key("edit", ("e",), "e", lambda on: on.cursor.edit(), "change what the cursor points at",
        "Change"),
    Key("filter", ("slash",), "/", lambda on: on.cursor.filter(),
        "search this panel, or narrow it down", "Search"),
    Key("lines", ("o",), "o", lambda on: on.cursor.lines(),
        "code: source, instructions or both; CPUs: a list or a map"),
    Key("page.up", ("pageup",), "PgUp", lambda on: on.cursor.page(-1), "scroll up by a page"),
    Key("page.down", ("pagedown",), "PgDn", lambda on: on.cursor.page(1),
        "scroll down by a page"),
    Key("home", ("home",), "Home", lambda on: on.cursor.home(), "go to the first row"),
    Key("end", ("end", "G"), "End G", lambda on: on.cursor.end(),
        "go back to what matters now"),
    Key("copy", ("y",), "y", lambda on: on.copying.row(),
        "copy what the cursor is on, or what this panel shows", "Copy"),
    Key("copy.panel", ("Y",), "Y", lambda on: on.copying.panel(),
        "copy all of this panel, also what is not in sight"),
    Key("findings", ("w",), "w", lambda on: on.arranging.show_panel("findings"),
        "show what is wrong: the findings", "Findings"),
    Key("finding.next", ("full_stop",), ".", lambda on: on.findings.step(1),
        "go to the moment and the CPU of the next finding, round the end", "Finding"),
    Key("finding.previous", ("comma",), ",", lambda on: on.findings.step(-1),
        "go to the finding before"),
    Key("jump", ("J",), "J", lambda on: on.jump.begin(),
        "jump: a letter on each panel, and the next key goes there", "Jump"),
    Key("tour", ("T",), "T", lambda on: on.tour.turn(),
        "the tour: lessons by doing; all of a lesson, the list, fold it", "Tour"),
    Key("tour.hint", ("h",), "h", lambda on: on.tour.hint(),
        "a further hint in a lesson of the tour", "Hint"),
    Key("prompt", ("colon",), ":", lambda on: on.dialogs.ask(""), "type a command", "Command"),
    Key("palette", ("ctrl+p",), "^P", lambda on: on.desk.app.action_command_palette(),
        "find any action, CPU or symbol", "Palette"),
    Key("theme", (), "^P", lambda on: on.desk.app.action_change_theme(),
        "choose other colours"),
    Key("help", ("question_mark", "f1"), "? F1", lambda on: on.dialogs.help(),
        "explain the panel in focus", "Help"),
    Key("cancel", ("escape",), "Esc", lambda on: on.dialogs.cancel(),
        "forget a number; leave a dialog", "Close"),
    Key("suspend", ("ctrl+z",), "^Z", lambda on: on.desk.app.action_suspend_process(),
        "back to the shell; fg returns"),
    Key("quit", ("q",), "q", lambda on: on.desk.app.exit(), "quit", "Quit"),
    Key("quit.now", ("ctrl+q",), "^Q", lambda on: on.desk.app.exit(),
        "quit, also from a dialog", "Quit"),
)  # fmt: skip

_SHOWN: Final = {
    "left_square_bracket": "[", "right_square_bracket": "]", "less_than_sign": "<",
    "comma": ",", "exclamation_mark": "!",
    "greater_than_sign": ">", "full_stop": ".", "colon": ":", "question_mark": "?",
    "apostrophe": "'",
    "slash": "/", "left_parenthesis": "(", "right_parenthesis": ")",
    "plus": "+", "minus": "-", "left_curly_bracket": "{", "escape": "Esc",
    "right_curly_bracket": "}", "pageup": "PgUp", "pagedown": "PgDn", "enter": "Enter",
}  # fmt: skip


def shown(key: str) -> str:
    """A key by Textual's name, as people read it: `^P`, `F7`, `shift+F7`, `S`."""
    *before, last = key.split("+") if key != "+" else [key]
    word = _SHOWN.get(last, last)
    word = word.upper() if len(last) > 1 and last[0] == "f" and is_digits(last[1:]) else word
    if before == ["ctrl"] and len(word) == 1:
        return f"^{word.upper()}"
    return "+".join((*before, word.capitalize() if len(word) > 3 and word.islower() else word))


def remapped(changes: Mapping[str, tuple[str, ...]]) -> tuple[Key, ...]:
    """The table with other keys for some actions; a key that another action had is taken from
    it."""
    taken = {key for keys in changes.values() for key in keys}
    found = []
    for key in KEYS:
        keys = changes.get(key.id)
        if keys is None:
            keys = tuple(one for one in key.keys if one not in taken)
        same = keys == key.keys
        words = key.shown if same else " ".join(map(shown, keys[:2])) or "^P"
        found.append(replace(key, keys=keys, shown=words))
    return tuple(found)


def bindings() -> list[BindingType]:
    """The table as Textual takes it, and the digits of a number. All of them have priority: the
    app acts on each key before it looks at the next one."""
    found: list[BindingType] = [
        Binding(",".join(key.keys), f"key('{key.id}')", show=False, priority=True, id=key.id)
        for key in KEYS if key.keys
    ]  # fmt: skip
    digits = [Binding(str(n), f"digit({n})", show=False, priority=True) for n in range(10)]
    return [*found, *digits]


def shown_first(key: Key) -> str:
    """The shortest way to say a key."""
    return min(key.shown.split(), key=len)
