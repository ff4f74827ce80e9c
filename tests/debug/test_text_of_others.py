"""Whatever a guest, a file or a person has written is text in a page and in a report."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import fields, replace

from emu import Session, open_session
from emu.export.escape import block
from emu.export.markdown import markdown
from emu.export.page import page as page_of
from tests.debug.exported import Tags, broken
from tests.guest import boot
from tests.test_command_line import ROOT

HOSTILE: Final = (
    "<script>alert(1)</script>", "</div></pre></svg><img src=x onerror=alert(1)>",
    "\"'><b x=\"",
    "\x1b]0;title\x07\x1b[2J", "\x00\x01\x7f\x9b1m", "</style><!-- ]]>", "&lt;&amp;&#60;",
    "\u202egnp.exe\u2066", "\udcff\udc80", "```\n# heading\n```", "~~~\n`````\n| a | b |",
    "<details>\n\n[x](javascript:alert(1))", "x" * 100_000, "`" * 50, "\r\n\u2028\u2029\x85",
)  # fmt: skip
OURS: Final = {
    "severity",
    "state",
    "fate",
    "outcome",
    "kind",
    "activity",
    "rule",
    "schema",
    "detail",
    "step",
    "unseen",
}
"""Fields that hold one of our own words."""
CONTROL: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)


def poisoned(value: Any, bad: str) -> Any:
    """A value with every text of others in it replaced."""
    match value:
        case str():
            return bad
        case Struct():
            return replace(value, **{
                one.name: poisoned(getattr(value, one.name), bad)
                for one in fields(value)
                if one.name not in OURS
            })  # fmt: skip
        case tuple() if hasattr(value, "_fields"):
            return value
        case list() | tuple():
            return type(value)(poisoned(one, bad) for one in value)
        case dict():
            return {name: poisoned(one, bad) for name, one in value.items()}
    return value


@pytest.mark.parametrize("bad", HOSTILE, ids=range(len(HOSTILE)))
def test_what_others_have_written_stays_text_in_a_page(bad: str) -> None:
    plain, hostile = (page_of(one).decode() for one in (broken(), poisoned(broken(), bad)))
    tags = Tags(hostile)
    assert tags.open == []
    assert set(tags.seen) <= set(Tags(plain).seen)
    assert not CONTROL.search(hostile)
    assert tags.recorded["stops"]
    assert hostile.count("<script>") == hostile.count("</script>") == 1


@pytest.mark.parametrize("bad", HOSTILE, ids=range(len(HOSTILE)))
def test_what_others_have_written_stays_in_its_block(bad: str) -> None:
    healthy, hostile = (markdown(one.report) for one in (broken(), poisoned(broken(), bad)))
    assert not CONTROL.search(hostile)
    assert outside(hostile) == outside(healthy)
    assert max(map(len, hostile.splitlines())) < 100_200


def outside(text: str) -> list[str]:
    """The lines of Markdown that are in no fenced code block (CommonMark 0.31, 4.5): a block
    ends at a line of at least as many backticks as it began with, or with the file."""
    found, fence = [], ""
    for line in text.splitlines():
        marks = re.match(r" {0,3}(`{3,})([^`]*)$", line)
        if fence:
            closes = marks and not marks[2].strip() and len(marks[1]) >= len(fence)
            fence = "" if closes else fence
        elif marks:
            fence = marks[1]
        else:
            found.append(line)
    assert not fence
    return found


@given(st.lists(st.text(st.characters(codec=None), max_size=60), max_size=6))
def test_a_block_ends_where_it_is_to_end(lines: list[str]) -> None:
    text = "\n".join(["before", *block(lines), "behind"])
    assert outside(text) == ["before", "behind"]


def written(session: Session, folder: Path) -> None:
    """Every file that a session can write is text and markup of ours, and nothing else."""
    for name in ("a.html", "a.md", "a.json"):
        word = "report" if name.endswith("md") else "export"
        session.do(f"{word} {folder / name}")
        assert not CONTROL.search((folder / name).read_text())
    tags = [tag for tag, _ in Tags((folder / "a.html").read_text()).seen]
    assert "img" not in tags and tags.count("script") == 1
    assert not [one for one in outside((folder / "a.md").read_text()) if "img" in one]


def test_what_a_guest_prints_ends_as_text(tmp_path: Path) -> None:
    bad = "</script><img src=x>`````"
    letters = "\n".join(f"mov al, {ord(c)}\nout dx, al" for c in f"{bad}\x1b[2J\n")
    session = boot(f"mov dx, 0x3e8\n{letters}\nud2")
    session.do("run")
    assert bad.encode() in session.machine.board.vmm.serial
    written(session, tmp_path)


def test_what_files_platforms_and_moments_are_called_ends_as_text(tmp_path: Path) -> None:
    bad = "<img src=x>`````"
    image = tmp_path / f"{bad}\x1b[2J\n.elf"
    image.write_bytes((ROOT / "samples" / "shim.elf").read_bytes())
    platform = tmp_path / f"{bad}.toml"
    text = (ROOT / "samples" / "platforms" / "none.toml").read_text()
    platform.write_text(text.replace('name = "none"', f"name = '{bad}'"))
    kernel = str(ROOT / "samples" / "kernel.elf")
    session = open_session(str(image), platform=str(platform), cpus=1, kernel=kernel)
    assert session.machine.board.platform.name == bad
    for words in ("run 5000", f"mark a{bad.replace(' ', '/')}", "set cpu0:r15=5", "run 100"):
        session.do(words)
    written(session, tmp_path)
