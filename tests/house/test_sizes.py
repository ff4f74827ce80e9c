"""Files and functions stay short enough to be read in one go."""

import ast
from pathlib import Path
from typing import Final

from tests.house.tree import name, parsed, python_files, source_files

FILE_LINES_MAX: Final = 400
FUNCTION_LINES_MAX: Final = 60
COLUMNS_MAX: Final = 96
"""For C and assembly; ruff has the same bound for Python."""


def long_functions(path: Path) -> list[str]:
    """Functions of a file that are longer than the bound, as `file:line: name (lines)`."""
    found = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                found.append(f"{name(path)}:{node.lineno}: {node.name} ({lines})")
    return found


def test_files_stay_below_400_lines() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in source_files()}
    assert not {file: lines for file, lines in lengths.items() if lines > FILE_LINES_MAX}


def test_functions_stay_below_60_lines() -> None:
    assert not [entry for path in python_files() for entry in long_functions(path)]


def test_guest_code_keeps_to_96_columns() -> None:
    wide = [
        f"{name(path)}:{number}"
        for path in source_files()
        if path.suffix in (".c", ".h", ".S", ".inc")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line.expandtabs(8)) > COLUMNS_MAX
    ]
    assert not wide
