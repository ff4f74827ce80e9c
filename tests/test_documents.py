"""What README.md and docs/ show is what the program says, to the letter.

`pytest tests/test_documents.py --update-goldens` writes what it would have compared.
"""

import asyncio
import contextlib
import io
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from emu import Session, open_session
from emu.boot.platform import platform_of
from emu.inject.kinds import KINDS
from emu.mailbox.rules import RULES
from tests import transcript
from tests.gallery import FOUND, LEAKS
from tests.test_command_line import apdbg
from tests.transcript import Block, Spoken
from tests.tui import driving
from tui import keymap

ROOT: Final = Path(__file__).parents[1]
README: Final = ROOT / "README.md"
DOCUMENTS: Final = (
    README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")),
)  # fmt: skip
"""README.zh.md has the same blocks (`tests/documents/test_chinese.py`)."""
ON: Final = re.compile(r"(said|understood) on (\S+) with (\d+) CPUs after (.+)")
SCREEN: Final = re.compile(r"the screen at (\d+)x(\d+) after (.+)")
OTHERWISE: Final = ("--inject", "gallery/", "loops/ack-first", "multiboot/")
"""Words of commands that end otherwise than a boot should, and so with exit code 1; a multiboot
kernel that leaves by the debug-exit port with 0 ends with 1, as under QEMU."""
UNFOUND: Final = tuple(f"gallery/{slug}" for slug in LEAKS if slug not in FOUND)
"""But for these: no rule finds their bugs."""
SERVED: Final = "hotplug="
"""A guest that is told of CPUs that go and come: what is injected there does no harm."""
UNJUDGED: Final = {"campaign", "report", "record", "replay", "compare"}
"""Commands with a code of their own."""
WRITTEN: Final = (".apdbg", ".html", ".md")
"""Endings of files that are written."""


LEAST: Final = 'isolation = "none"\nstart = "sipi"\nhyperv = false\n'
"""What a platform's file must have."""
READ: Final[dict[str, Callable[[Path], object]]] = {
    "platform": lambda place: _well("run", "--platform", str(place)),
    "roles": lambda place: platform_of(LEAST + place.read_text(), place),
    "campaign": lambda place: _well("campaign", "--file", str(place)),
    "keys": lambda place: keymap.read(str(place), place),
}
"""What a file of TOML is for -> who is given it."""


def parameters(kind: str) -> list[object]:
    """The blocks of one kind in all documents."""
    return [
        pytest.param(place, block, id=f"{place.stem}:{block.line}")
        for place in DOCUMENTS
        for block in transcript.blocks(place.read_text(encoding="utf-8"))
        if _kind(block) == kind
    ]


def _kind(block: Block) -> str:
    if block.how:
        return block.how.split()[0]
    return "shell" if block.body.startswith("$ apdbg") else block.kind


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    """Whether to write instead of comparing."""
    return bool(request.config.getoption("--update-goldens"))


@pytest.mark.parametrize(("place", "block"), parameters("shell"))
def test_a_command_prints_what_is_shown(
    place: Path, block: Block, update: bool, tmp_path: Path
) -> None:
    text = []
    for one in transcript.at_a_shell(block.body):
        _, *words = shlex.split(one.words)
        done = apdbg(*(str(tmp_path / w) if w.endswith(WRITTEN) else w for w in words))
        text += [f"$ {one.words}"]
        if not one.shown:
            assert done.returncode == 0, done.stderr
            continue
        said = done.stdout.replace(f"{tmp_path}/", "").rstrip("\n").split("\n")
        judged = words[0] not in UNJUDGED and "--expect" not in words
        otherwise = judged and any(part in one.words for part in OTHERWISE)
        otherwise &= not any(word in UNFOUND for word in words)
        otherwise = otherwise and SERVED not in one.words
        assert done.returncode == int(otherwise), done.stderr
        text += _held(one, said, update)
    _renew(place, block, "\n".join(text), update)


@pytest.mark.parametrize(("place", "block"), parameters("said"))
def test_a_session_says_what_is_shown(place: Path, block: Block, update: bool) -> None:
    session = _session(block)
    width = max(len(one.words) + 2 for one in transcript.at_the_prompt(block.body) if one.shown)
    text = []
    for one in transcript.at_the_prompt(block.body):
        view = session.do(one.words)
        said = [line.strip() for line in view.reply] or [stop.text for stop in view.stop]
        rows = _held(one, said or [""], update) if one.shown else []
        head = f"> {one.words}"
        text += [f"{head:{width}}  {rows[0]}" if rows else head]
        text += [f"{'':{width}}  {row}" for row in rows[1:]]
    _renew(place, block, "\n".join(text), update)


@pytest.mark.parametrize(("place", "block"), parameters("understood"))
def test_words_that_are_explained_are_understood(place: Path, block: Block) -> None:
    session = _session(block)
    for one in transcript.at_the_prompt(block.body):
        session.do(one.words)


@pytest.mark.parametrize(("place", "block"), parameters("the"))
def test_the_screen_shows_what_is_shown(place: Path, block: Block, update: bool) -> None:
    said = asyncio.run(_screen(block))
    if not update:
        assert transcript.differences(block.body.split("\n"), said) == ""
    _renew(place, block, "\n".join(said), update)


async def _screen(block: Block) -> list[str]:
    """The rows of a screen after some keys and commands."""
    found = SCREEN.fullmatch(block.how)
    assert found is not None, block.how
    size = int(found[1]), int(found[2])
    async with driving.screen(driving.boot(4), size) as hands:
        for keys in found[3].split(", "):
            if keys.startswith(":"):
                await hands.type(keys[1:])
            else:
                await hands.press(*keys)
                await hands.settle()
        return [row.rstrip() for row in hands.text.split("\n")]


@pytest.mark.parametrize(("place", "block"), parameters("prints"))
def test_python_prints_what_is_shown(place: Path, block: Block) -> None:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(block.body, {})  # what is shown is what is run
    assert out.getvalue().strip() == block.how.removeprefix("prints ")


@pytest.mark.parametrize(("place", "block"), parameters("read"))
def test_a_file_that_is_shown_is_taken(place: Path, block: Block, tmp_path: Path) -> None:
    file = tmp_path / "shown.toml"
    file.write_text(block.body, encoding="utf-8")
    READ[block.how.removeprefix("read as ")](file)


def test_every_block_is_run_by_a_test() -> None:
    """But for what the shell does without apdbg, and lists that explain."""
    unknown = [
        f"{place.name}:{block.line}"
        for place in DOCUMENTS
        for block in transcript.blocks(place.read_text(encoding="utf-8"))
        if _kind(block) not in {"shell", "said", "understood", "the", "prints", "read", "text"}
    ]
    assert unknown == []


def test_the_numbers_of_the_documents_are_counted() -> None:
    text = " ".join(" ".join(place.read_text(encoding="utf-8").split()) for place in DOCUMENTS)
    images = [
        place for place in (ROOT / "samples/gallery").glob("*.elf") if "." not in place.stem
    ]
    assert f"{len(KINDS)} kinds of injection" in text
    assert f"{len(RULES)} rules" in text
    assert f"`samples/gallery/` has {len(images)} shims" in text


def test_every_test_that_a_document_names_is_there() -> None:
    tests = "\n".join(place.read_text(encoding="utf-8") for place in ROOT.glob("tests/**/*.py"))
    named = {
        name
        for place in DOCUMENTS
        for name in re.findall(r"`(test_\w+)`", place.read_text(encoding="utf-8"))
    }
    assert named
    assert [name for name in sorted(named) if f"def {name}(" not in tests] == []


def test_every_file_that_a_document_names_is_there() -> None:
    missing = [
        f"{place.name}: {name}"
        for place in DOCUMENTS
        for name in re.findall(
            r"`((?:emu|tui|shim|tests|samples|docs|benchmarks|tools)/[\w./-]+)`",
            place.read_text(encoding="utf-8"),
        )
        if not re.search(r"/[A-Z]{4,}\b", name)
        and not (ROOT / name).exists()
        and not (ROOT / f"{name}.py").exists()
    ]
    assert missing == []


@pytest.mark.breadth
def test_as_many_cpus_as_the_readme_promises() -> None:
    done = apdbg("run", "--cpus", "2048")
    assert done.returncode == 0, done.stderr
    assert "all 2048 CPUs came online" in done.stdout


def _session(block: Block) -> Session:
    found = ON.fullmatch(block.how)
    assert found is not None, block.how
    where, cpus, first = found[2], int(found[3]), found[4]
    if where.endswith(".elf"):
        session = open_session(str(ROOT / "samples" / where), platform="tdx", cpus=cpus)
    else:
        session = open_session(platform=where, cpus=cpus)
    session.do(first)
    return session


def _well(*words: str) -> None:
    """A command that ends as it should."""
    done = apdbg(*words)
    assert done.returncode == 0, done.stdout + done.stderr


def _held(one: Spoken, said: list[str], update: bool) -> list[str]:
    different = transcript.differences(one.shown, said)
    if update and different:
        return transcript.renewed(one.shown, said)
    assert different == "", one.words
    return list(one.shown)


def _renew(place: Path, block: Block, body: str, update: bool) -> None:
    if update:
        transcript.rewrite(place, block.body, body)
