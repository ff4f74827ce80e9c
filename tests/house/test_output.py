"""Text of others reaches a terminal through two doors: `printing` and the lines of `text`."""

import ast

import pytest

from tests.house.tree import name, parsed, python_files

PRODUCT = python_files("emu", "tui")
STREAMS = ("stdout", "stderr", "__stdout__", "__stderr__")
WRITERS = ("write", "writelines", "buffer")
MARKUP = (
    "from_markup",
    "from_ansi",
    "render_str",
    "markup",
    "rich.markup",
    "rich.console.print",
)
"""What makes styles, links and actions of a text that has brackets (Textual and rich)."""


@pytest.mark.parametrize("path", PRODUCT, ids=name)
def test_only_printing_prints(path: object) -> None:
    if name(path) == "tui/printing.py":
        return
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"{name(path)}:{node.lineno}"
        if isinstance(node, ast.Attribute) and node.attr in WRITERS:
            inner = node.value
            assert not (isinstance(inner, ast.Attribute) and inner.attr in STREAMS), node.lineno


@pytest.mark.parametrize("path", python_files("tui"), ids=name)
def test_nobody_reads_markup_in_a_text(path: object) -> None:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Attribute | ast.Name):
            word = node.attr if isinstance(node, ast.Attribute) else node.id
            assert word not in MARKUP, f"{name(path)}:{node.lineno}"
        if isinstance(node, ast.keyword):
            assert node.arg != "markup", f"{name(path)}:{node.lineno}"
