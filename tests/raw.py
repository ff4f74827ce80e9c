"""What no terminal may be sent: texts of others that would move it, and images full of them."""

import unicodedata
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]

CORPUS: Final = {
    # ECMA-48 (C0, C1, CSI, OSC), xterm's "Control Sequences" (OSC 0, 8, 52; DCS; RIS)
    "every C0 but line ends": "".join(map(chr, [*range(9), *range(11, 32), 127])),
    "every C1": "".join(map(chr, range(0x80, 0xA0))),
    "a title": "\x1b]0;PWNED\x07", "a title of 8 bits": "\x9d0;PWNED\x9c",
    "a clipboard": "\x1b]52;c;UFdORUQ=\x07", "a link": "\x1b]8;;http://x\x1b\\y\x1b]8;;\x1b\\",
    "a cleared screen": "\x1b[2J\x1b[H", "a cleared screen of 8 bits": "\x9b2J",
    "a reset": "\x1bc", "a string": "\x1bP$q\x1b\\", "a private mode": "\x1b[?1049h",
    "a report": "\x1b[6n\x1b[c", "an end": "\x1b", "a carriage return": "real\rfake",
    "a bell": "\x07", "a NUL": "\0", "a backspace": "ab\b\bcd",
    # Unicode 15.1, annex 9 (bidirectional controls), and "Trojan Source" (CVE-2021-42574)
    "directions": "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c",
    "no width": "a\u200bb\u200c\u200d\u2060\ufeff\u00ad", "lines": "a\u2028b\u2029c\x85d",
    "tags": "\U000e0001\U000e0041", "half a pair": "\ud800\udcff",
    # what rich, Textual and browsers read
    "markup": "[bold red]x[/] [@click=app.quit]y[/] [link=http://x]z[/link] [/]",
    "script": "</script><script>alert(1)</script><img src=x onerror=alert(1)>&lt;",
    "very long": "A" * 100_000,
}  # fmt: skip
"""What it would do -> a text that does it."""

NAMES: Final = {
    key: text.replace("/", "|") for key, text in CORPUS.items()
    if "\0" not in text and len(text) < 200
}  # fmt: skip
"""Those that can be the name of a file."""


def moves_a_terminal(text: str) -> str:
    """The characters of a text that are no sign, line end or tab; empty if all are fine."""
    return "".join(
        one for one in text if one not in "\n\t" and unicodedata.category(one)[0] == "C"
    )


_SWAPPED: Final = (
    (b"find_platform", b"\x1b]0;PWN\x07[b]fp"),
    (b"mailbox_wait", b"\x1b]0;PWN\x07[b]w"),
    (b"mailbox_ack", b"\xc2\x9b2J[b]PWN!"),
    (b"mailbox_jump", b"\xe2\x80\xaeemun[/]xy"),
    (b"mailbox_loop.inc", b"\x1b]52;c;UFdO\x07[b]x"),
    (b"shim: entering the kernel", b"\x1b]0;PWNED\x07\xc2\x9b2J\xe2\x80\xae\r[bold]x"),
)
"""Names and words of the sample shim, and what stands there instead; of the same length."""


def hostile_shim(place: Path) -> Path:
    """The sample shim with symbols, a source file and words on the serial line that would
    move a terminal: it boots as the sample does."""
    data = (ROOT / "samples/shim.elf").read_bytes()
    for ours, theirs in _SWAPPED:
        assert len(ours) == len(theirs), theirs
        assert ours in data
        data = data.replace(ours, theirs)
    place.write_bytes(data)
    return place
