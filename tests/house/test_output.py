"""Text of others reaches a terminal through two doors: `printing` and the lines of `text`."""

import ast
from typing import Final

from tests.house.tree import name, parsed, python_files

STREAMS: Final = ("stdout", "stderr", "__stdout__", "__stderr__")
WRITERS: Final = ("write", "writelines", "buffer")
MARKUP: Final = ("from_markup", "from_ansi", "render_str", "markup")
"""What makes styles, links and actions of a text that has brackets (Textual and rich)."""


def prints(node: ast.AST) -> bool:
    """Whether this is `print(...)`, or a stream of the process written to."""
    match node:
        case ast.Call(func=ast.Name(id="print")):
            return True
        case ast.Attribute(value=ast.Attribute(attr=stream), attr=word):
            return stream in STREAMS and word in WRITERS
    return False


def reads_markup(node: ast.AST) -> bool:
    """Whether this is a name by which brackets become styles."""
    match node:
        case ast.Attribute(attr=word) | ast.Name(id=word) | ast.keyword(arg=word):
            return word in MARKUP
    return False


def test_only_printing_prints() -> None:
    assert [
        f"{name(path)}:{node.lineno}"  # type: ignore[attr-defined]
        for path in python_files("emu", "tui")
        if name(path) != "tui/printing.py"
        for node in ast.walk(parsed(path))
        if prints(node)
    ] == []


def test_nobody_reads_markup_in_a_text() -> None:
    assert [
        f"{name(path)}:{node.lineno}"  # type: ignore[attr-defined]
        for path in python_files("tui")
        for node in ast.walk(parsed(path))
        if reads_markup(node)
    ] == []
