"""What a file may not say, and what its first line must."""

import ast
import re
from pathlib import Path
from typing import Final

from tests.house.tree import ROOT, name, parsed, python_files, source_files

UNFINISHED: Final = re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X)\b")
MACHINE_PATH: Final = re.compile(r"(?<![\w.$~])/(?:home|Users|root|work|opt|mnt)/\w")
"""Absolute places that only one machine has."""
REGISTRY_HOST: Final = re.compile(r"\bpy(?:pi|thonhosted)\.org|\bnpm(?:js)\.|\bdeb[.]debian\.")
UNPUBLISHED: Final = re.compile(
    r"\bfacts(?:/\w| F?\d|, host contract)|\b(?:openhcl_run|openhcl_host_contract)\b"
)
"""A document that the repository does not have, by its section."""
ADDRESS: Final = re.compile(r"https?://", re.IGNORECASE)
TEXTS: Final = ("*.md", "*.toml", "Makefile", "*.lock", ".ci/run", "docs/**/*.md")


def texts() -> tuple[Path, ...]:
    """Code, and the files around it that are committed as text."""
    around = (path for pattern in TEXTS for path in ROOT.glob(pattern))
    platforms = (ROOT / "samples").rglob("*.toml")
    return tuple(p for p in (*source_files(), *around, *platforms) if p != Path(__file__))


def hits(pattern: re.Pattern[str], files: tuple[Path, ...]) -> list[str]:
    """Where a pattern occurs, as `file:line: text`."""
    return [
        f"{name(path)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


def test_nothing_is_marked_as_unfinished() -> None:
    assert not hits(UNFINISHED, texts())


def test_no_file_names_a_place_of_one_machine() -> None:
    assert not hits(MACHINE_PATH, texts())


def test_no_file_names_a_package_registry() -> None:
    assert not hits(REGISTRY_HOST, texts())


def test_every_source_that_is_named_is_public() -> None:
    """Notes of those who built this are in no file of the repository."""
    assert not hits(UNPUBLISHED, texts())


def test_a_note_that_nobody_has_would_be_found() -> None:
    for text in ("(facts 1.8)", "facts/unicorn 9.4", "(facts F9,", "facts, host contract 5.1"):
        assert UNPUBLISHED.search(text), text
    for text in ("rules look at facts", "facts(machine, past)", "facts: 3", "in facts\n"):
        assert not UNPUBLISHED.search(text), text


def test_the_lock_has_hashes_and_no_addresses() -> None:
    lock = (ROOT / "requirements.lock",)
    assert not hits(ADDRESS, lock)
    entries = re.split(r"\n(?=\w)", lock[0].read_text())
    pinned = [entry for entry in entries if re.match(r"[\w.-]+==[\w.]+", entry)]
    assert len(pinned) > 20
    assert all("--hash=sha256:" in entry for entry in pinned)


def test_every_python_file_opens_with_a_sentence() -> None:
    silent = []
    for path in python_files():
        first = (ast.get_docstring(parsed(path)) or "").partition("\n\n")[0]
        head = path.read_text(encoding="utf-8").partition("\n")[0]
        if not head.lstrip("r").startswith('"""') or not first.endswith("."):
            silent.append(f"{name(path)}: {head}")
    assert not silent


def test_numbers_are_read_in_one_place() -> None:
    """`str.isdigit` knows 700 digits more than `int`, which reads them by the thousand."""
    found = [
        f"{name(path)}:{number}"
        for path in python_files("emu", "tui")
        if "given" not in path.parts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"\.is(digit|decimal|numeric)\(|\bint\([^()]*, 0\)", line)
        and name(path) != "emu/boot/disasm.py"  # its own words
    ]
    assert found == []


def test_text_becomes_html_in_one_place() -> None:
    found = [
        name(path)
        for path in python_files("emu", "tui")
        if re.search(r"^(?:from|import) html\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert found == ["emu/export/escape.py"]


def test_commands_print_in_one_place() -> None:
    found = [
        name(path)
        for path in python_files("emu", "tui")
        if re.search(r"\bprint\(|sys\.std(out|err)\.write", path.read_text(encoding="utf-8"))
    ]
    assert found == ["tui/printing.py"]
