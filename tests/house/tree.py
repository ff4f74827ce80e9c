"""What the rules of the house read: every source file of the project, parsed once."""

import ast
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
CODE: Final = ("emu", "tui", "shim", "tests", "benchmarks", "tools")
"""Top folders that hold the project's own code."""


@cache
def python_files(*tops: str) -> tuple[Path, ...]:
    """All Python files under the given top folders (all of them by default), sorted."""
    places = (ROOT / top for top in tops or CODE)
    found = (path for place in places for path in place.rglob("*.py"))
    return tuple(sorted(path for path in found if "__pycache__" not in path.parts))


@cache
def source_files() -> tuple[Path, ...]:
    """Python, C, assembly and shell: everything that people read as code."""
    endings = (".py", ".c", ".h", ".S", ".inc", ".sh", ".ld")
    found = (path for top in CODE for path in (ROOT / top).rglob("*"))
    return tuple(sorted(path for path in found if path.suffix in endings))


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=name(path))


def name(path: Path) -> str:
    """A path as people write it, from the top of the project."""
    return path.relative_to(ROOT).as_posix()


def module(path: Path) -> str:
    """The dotted name by which a file is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> tuple[tuple[int, str], ...]:
    """(line, dotted name) of everything a file imports, wherever in the file it does."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(path, node)
            found += [(node.lineno, f"{source}.{alias.name}") for alias in node.names]
    return tuple(found)


def _absolute(path: Path, node: ast.ImportFrom) -> str:
    """The package that `from ... import` names, with leading dots resolved."""
    if not node.level:
        return node.module or ""
    package = path.relative_to(ROOT).parent.parts
    base = package[: len(package) - node.level + 1]
    return ".".join((*base, node.module) if node.module else base)
