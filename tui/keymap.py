"""Other keys: the presets, and a TOML file of the user's.

preset = "windbg"      # gdb (what there is without a file), windbg or vim

[keys]                 # by action; several keys with commas, by Textual's names
step = "f11, t"
"reverse.step" = "shift+f11"
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from emu.debug.aliases import DEFAULT
from emu.errors import ApdbgError
from emu.given.files import read_file

Changes = dict[str, tuple[str, ...]]


class Preset(Struct, frozen=True):
    """Keys that differ from the table's, by action, and whose words are typed."""

    keys: Changes = {}
    words: str = DEFAULT
    """A set of `emu.debug.aliases`: `p` steps over in WinDbg and prints in gdb."""


PRESETS: Final[dict[str, Preset]] = {
    "gdb": Preset(),
    "windbg": Preset({
        "step": ("f11", "t", "f8"), "next": ("f10", "p", "s"), "run": ("f5", "g", "c"),
        "finish": ("shift+f11", "f"), "until": ("f7", "u"), "break.here": ("f9",),
        "reverse.step": ("shift+f8", "T"), "reverse.next": ("shift+f10", "P"),
        "reverse.run": ("shift+f5", "G"), "goto": ("ctrl+g",), "play": ("v",),
        "end": ("end",), "reset": ("ctrl+shift+f5", "R"),
    }, "windbg"),
    "vim": Preset({
        "up": ("up", "k"), "down": ("down", "j"), "tab.previous": ("left", "h"),
        "tab.next": ("right", "l"), "page.up": ("pageup", "ctrl+b", "ctrl+u"),
        "page.down": ("pagedown", "ctrl+f", "ctrl+d"), "home": ("home", "g"),
        "end": ("end", "G"), "goto": ("apostrophe",), "reverse.step": ("u", "S"),
        "until": ("t",),
    }, "vim"),
}  # fmt: skip
"""Preset -> what differs from the table of keys, and its words; WinDbg has F10, F11, F5, F9 and
t, p, g."""
FILE_NAME: Final = "keys.toml"
FILE_BYTES_MAX: Final = 1 << 20


def read(name: str | None, default: Path) -> Preset:
    """The keys and words that a preset's name or a file gives; without either, those of the
    user's own file if there is one. Raises ApdbgError with a sentence that names the place."""
    if name in PRESETS:
        return PRESETS[name]
    path = default if name is None else Path(name)
    if name is None and not path.exists():
        return Preset()
    from emu.given.toml import table_of  # most people have no file

    if name is not None and not path.exists():
        raise ApdbgError(f"{path}: there is no such file; presets are {', '.join(PRESETS)}")
    return parse(table_of(read_file(path, FILE_BYTES_MAX), path), str(path))


def parse(found: Mapping[str, object], where: str) -> Preset:
    """A file's content; raises ApdbgError."""
    preset = found.get("preset", "gdb")
    if not isinstance(preset, str) or preset not in PRESETS:
        raise ApdbgError(f"{where}: preset: {preset!r} is none of {', '.join(PRESETS)}")
    unknown = found.keys() - {"preset", "keys"}
    if unknown:
        raise ApdbgError(f"{where}: {min(unknown)!r} is none of preset, keys")
    table = found.get("keys", {})
    if not isinstance(table, Mapping):
        raise ApdbgError(f"{where}: keys is no table")
    from tui.keys import KEYS  # most people have no file, and lines have no keys

    changes = dict(PRESETS[preset].keys)
    known = {key.id for key in KEYS}
    for action, keys in table.items():
        if action not in known:
            raise ApdbgError(f"{where}: keys: there is no action {action!r}")
        if not isinstance(keys, str):
            raise ApdbgError(f"{where}: keys: {action}: {keys!r} is no text")
        changes[action] = tuple(key.strip() for key in keys.split(",") if key.strip())
    taken: dict[str, str] = {}
    for action, pressed in changes.items():
        for key in pressed:
            if key in taken and action in table and taken[key] in table:
                raise ApdbgError(
                    f"{where}: keys: {key} is given to {taken[key]} and to {action}"
                )
            taken[key] = action
    if not _way_out(changes, taken):
        raise ApdbgError(f"{where}: keys: nothing is left that quits: quit, quit.now")
    return Preset(changes, PRESETS[preset].words)


def _way_out(changes: Changes, taken: Mapping[str, str]) -> bool:
    """Whether a key is left that ends the program, and does nothing else."""
    from tui.keys import KEYS

    return any(
        taken.get(key, one.id) == one.id
        for one in KEYS
        if one.id in ("quit", "quit.now")
        for key in changes.get(one.id, one.keys)
    )
