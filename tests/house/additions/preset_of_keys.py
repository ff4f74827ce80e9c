"""A preset of keys: what differs from the table, by the names of its actions."""

from pathlib import Path

NEW: dict[str, str] = {}
LINES = {
    "tui/keymap.py": (
        (
            '        "until": ("t",),\n    }, "vim"),\n',
            '    "less": Preset({"page.down": ("pagedown", "f"), "page.up": ("b",)}),\n',
        ),
    ),
}


def uses() -> None:
    from tui.keymap import read
    from tui.keys import remapped

    table = {key.id: key.keys for key in remapped(read("less", Path("none")).keys)}
    assert table["page.down"] == ("pagedown", "f") and table["page.up"] == ("b",)
    assert table["finish"] == table["break"] == ()
