"""How the table "Where a thing is added" is executed: its rows, recipes, and trees.

A recipe is a file of `tests/house/additions/` that is called as its row: NEW has the files that
it adds, LINES what is written into others, behind a text that stands there once, and `uses`
what can be done with the thing, in a fresh interpreter that has both.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

from msgspec import Struct

from tests.house.tree import ROOT

TABLE: Final = ROOT / "docs" / "architecture.md"
RECIPES: Final = ROOT / "tests" / "house" / "additions"
HEADING: Final = "## Where a thing is added"
PARTS: Final = ("benchmarks", "emu", "samples", "shim", "tests", "tui")
"""What a tree has of the project."""
Lines = tuple[tuple[str, str], ...]
"""(a text that a file has once, what is written behind it)."""


class Row(Struct, frozen=True):
    """One row of the table: what it is called, what it is, and where else it is named."""

    thing: str
    made_of: str
    named_in: str

    @property
    def recipe(self) -> str:
        """The name of its recipe."""
        return self.thing.lower().replace(" ", "_")

    @property
    def places(self) -> frozenset[str]:
        """Its files and (with a slash at the end) folders; a word in capitals is any name."""
        return frozenset(one for one in self._quoted if "/" in one)

    @property
    def names(self) -> frozenset[str]:
        """What its files define: a table, a function, a class."""
        names = (one for one in self._quoted if re.fullmatch(r"[A-Za-z_][\w.]*", one))
        return frozenset(one for one in names if not one.endswith((".py", ".toml")))

    @property
    def _quoted(self) -> list[str]:
        return re.findall(r"`([^`]+)`", f"{self.made_of} {self.named_in}")


class Recipe(Struct, frozen=True):
    """What is added where."""

    name: str
    new: dict[str, str]
    """Path -> text."""
    lines: dict[str, Lines]
    """Path -> what is written into it."""

    @property
    def files(self) -> frozenset[str]:
        """All that differ."""
        return frozenset((*self.new, *self.lines))

    def text(self, path: str, before: str = "") -> str:
        """What a file holds that differs; `before`: what it held, if not what it holds here."""
        if path in self.new:
            return self.new[path]
        text = before or (ROOT / path).read_text()
        for behind, added in self.lines[path]:
            assert text.count(behind) == 1, f"{path} has {behind!r} {text.count(behind)} times"
            text = text.replace(behind, behind + added)
        return text


def rows() -> dict[str, Row]:
    """The rows of the table by the names of their recipes."""
    text = TABLE.read_text().partition(HEADING)[2].partition("\n\n**")[0]
    cells = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    found = [Row(*(cell.strip() for cell in row)) for row in cells[1:]]
    return {row.recipe: row for row in found}


def recipes() -> tuple[str, ...]:
    """The names of all recipes."""
    return tuple(sorted(path.stem for path in RECIPES.glob("*.py")))


def recipe(name: str) -> Recipe:
    """One by name."""
    module = import_module(f"tests.house.additions.{name}")
    return Recipe(name, module.NEW, module.LINES)


def plant(to: Path, *some: Recipe) -> None:
    """The project with what recipes add to it; whatever is as before is a link."""
    texts: dict[str, str] = {}
    for one in some:
        for path in one.files:
            assert path not in one.new or path not in texts, f"{path} is added twice"
            texts[path] = one.text(path, texts.get(path, ""))
    for part in PARTS:
        _link(Path(part), to, texts)
    for path, text in texts.items():
        assert (to / path).parent.is_dir(), f"{path}: there is no such folder"
        (to / path).write_text(text)


def _link(part: Path, to: Path, texts: dict[str, str]) -> None:
    """A folder is a link, or where something in it differs a folder of links."""
    if str(part) in texts:
        return
    inside = f"{part}/"
    if not any(path.startswith(inside) for path in texts):
        (to / part).symlink_to(ROOT / part)
        return
    (to / part).mkdir()
    for path in sorted((ROOT / part).iterdir()):
        _link(part / path.name, to, texts)


def run_in(tree: Path, *words: str) -> None:
    """A fresh interpreter that finds the project in a tree; `words` as its command line."""
    here = {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *words], cwd=tree, env=os.environ | here,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def targets(found: Recipe) -> Iterator[tuple[str, str]]:
    """(path, what it is written into) of every line, imports aside: `KEYS`, `Machine._wire`;
    empty for a definition of its own and where the file is no Python."""
    for path, lines in found.lines.items():
        text = found.text(path)
        tree = ast.parse(text) if path.endswith(".py") else ast.Module([], [])
        for behind, added in lines:
            start = text.index(behind + added) + len(behind)
            first = text.count("\n", 0, start + len(added) - len(added.lstrip("\n"))) + 1
            last = text.count("\n", 0, start + len(added.rstrip("\n"))) + 1
            lines_up = added.startswith("\n") or behind.endswith("\n")
            name = _defined_around(tree.body, first, last, lines_up)
            if name != "import":
                yield path, name


def _defined_around(body: list[ast.stmt], first: int, last: int, whole: bool) -> str:
    """What a stretch of lines (`whole`: from the beginning of the first) belongs to; empty if
    to nothing that is larger."""
    for node in body:
        end = node.end_lineno or node.lineno
        if not node.lineno <= first <= end:
            continue
        match node:
            case ast.Import() | ast.ImportFrom():
                return "import"
            case _ if whole and node.lineno == first and end <= last:
                return ""
            case ast.ClassDef(name=name):
                inner = _defined_around(node.body, first, last, whole)
                return f"{name}.{inner}" if inner else name
            case ast.FunctionDef(name=name):
                return name
            case ast.AnnAssign(target=ast.Name(id=name)):
                return name
            case ast.Assign(targets=[ast.Name(id=name)]):
                return name
    return ""
