"""What a document shows, said again: its blocks, and a comparison to the letter.

A block is what stands between two lines of three backquotes. A comment above it says how it
came to be (`<!-- tests: said on tdx with 4 CPUs after run -->`). In it a line of `...` stands
for lines that are left out; seconds of wall time are the only thing that may be others.
"""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

_BLOCK: Final = re.compile(
    r"(?:<!-- tests: (?P<how>[^\n]*) -->\n)?```(?P<kind>\w*)\n(?P<body>.*?)\n```", re.DOTALL
)
_SECONDS: Final = re.compile(r"\d+\.\d+ s$")
LEFT_OUT: Final = "..."


class Block(Struct, frozen=True):
    """One block of a document."""

    how: str
    """What the comment above says; empty without one."""
    kind: str
    """The word behind the backquotes: `toml`, `python`; mostly empty."""
    body: str
    line: int
    """Of its first backquotes."""


class Spoken(Struct, frozen=True):
    """Something typed, and the lines that are shown for it."""

    words: str
    shown: tuple[str, ...]


def blocks(text: str) -> list[Block]:
    """All of a document, in order."""
    return [
        Block(
            found["how"] or "", found["kind"], found["body"],
            text.count("\n", 0, found.start()) + 1,
        )
        for found in _BLOCK.finditer(text)
    ]  # fmt: skip


def at_a_shell(body: str) -> list[Spoken]:
    """`$ words`, and below it what they print."""
    parts = re.split(r"^\$ ", body, flags=re.MULTILINE)
    assert not parts[0].strip(), "a block of the shell begins with what is typed"
    spoken = [part.strip("\n").split("\n") for part in parts[1:]]
    return [Spoken(lines[0], tuple(lines[1:])) for lines in spoken]


def at_the_prompt(body: str) -> list[Spoken]:
    """`> words    answer`, the lines below it indented to where the answer begins."""
    found: list[Spoken] = []
    for line in body.split("\n"):
        if line.startswith("> "):
            words, _, answer = line[2:].partition("  ")
            found.append(Spoken(words, (answer.strip(),) if answer.strip() else ()))
        else:
            assert found, f"nothing was typed before {line!r}"
            found[-1] = Spoken(found[-1].words, (*found[-1].shown, line.strip()))
    return found


def differences(shown: Sequence[str], said: Sequence[str]) -> str:
    """Empty if what is shown was said, line by line; else both, as a diff."""
    mine, theirs = [_timeless(line) for line in shown], [_timeless(line) for line in said]
    at = 0
    free = False
    for line in mine:
        if line == LEFT_OUT:
            free = True
            continue
        while free and at < len(theirs) and theirs[at] != line:
            at += 1
        if at >= len(theirs) or theirs[at] != line:
            return "\n".join(difflib.ndiff(mine, theirs))
        at, free = at + 1, False
    return "" if free or at == len(theirs) else "\n".join(difflib.ndiff(mine, theirs))


def _timeless(line: str) -> str:
    return _SECONDS.sub("S", line.rstrip())


def renewed(shown: Sequence[str], said: Sequence[str]) -> list[str]:
    """What is shown with the words of today: each line by the one most like it, and what is
    left out left out."""
    if LEFT_OUT not in shown:
        return [line.rstrip() for line in said]
    rest = list(said)
    found: list[str] = []
    for line in shown:
        like = [] if line == LEFT_OUT else difflib.get_close_matches(line, rest, 1, 0.3)
        if like:
            rest = rest[rest.index(like[0]) + 1 :]
        found += like or [LEFT_OUT]
    return found


def rewrite(place: Path, old: str, new: str) -> None:
    """Put one block in another's place."""
    text = place.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{place.name}: a block is there twice"
    place.write_text(text.replace(old, new), encoding="utf-8")
