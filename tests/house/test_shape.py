"""The shape of the house: no circles, no name that only tests use, one meaning for a type."""

import ast
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Final

from tests.house.tree import imported, module, name, parsed, python_files

PRODUCT: Final = python_files("emu", "tui")


def arrows() -> dict[str, set[str]]:
    """Module -> the modules of the product that it names, type-only imports included."""
    known = {module(path) for path in PRODUCT}
    packages = {module(path) for path in PRODUCT if path.name == "__init__.py"}
    found: dict[str, set[str]] = {}
    for path in PRODUCT:
        own = module(path)
        targets = set()
        for _, target in imported(path):
            place = target if target in known else target.rpartition(".")[0]
            if place in known and place != own and place not in packages:
                targets.add(place)
        found[own] = targets
    return found


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Every set of modules that reach each other, by two walks over the arrows."""
    order: list[str] = []
    seen: set[str] = set()

    def leave(start: str, arrows: dict[str, set[str]]) -> list[str]:
        """Everything new that is reached, in the order in which it is left."""
        left: list[str] = []
        waiting: list[tuple[str, bool]] = [(start, False)]
        while waiting:
            one, done = waiting.pop()
            if done:
                left.append(one)
            elif one not in seen:
                seen.add(one)
                waiting.append((one, True))
                waiting += [(target, False) for target in arrows[one] if target not in seen]
        return left

    for one in graph:
        order += leave(one, graph)
    back: dict[str, set[str]] = {one: set() for one in graph}
    for one, targets in graph.items():
        for target in targets:
            back[target].add(one)
    seen = set()
    parts = [leave(one, back) for one in reversed(order)]
    return sorted(sorted(part) for part in parts if len(part) > 1)


def test_no_import_circle_not_even_for_types() -> None:
    assert not circles(arrows())


def type_names(path: Path) -> list[str]:
    """The classes and named types that a file defines at its top."""
    found = []
    for node in parsed(path).body:
        if isinstance(node, ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.append(node.targets[0].id)
    return [one for one in found if re.match(r"_?[A-Z]", one) and not one.isupper()]


def test_a_type_name_is_defined_once_in_emu() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in python_files("emu"):
        for one in type_names(path):
            places[one].append(name(path))
    assert not {one: files for one, files in places.items() if len(files) > 1}


def words_of(path: Path) -> Counter[str]:
    """How often each name stands in a file's code, in quoted types too."""
    found: Counter[str] = Counter()
    for node in ast.walk(parsed(path)):
        match node:
            case ast.Name(id=one) | ast.Attribute(attr=one):
                found[one] += 1
            case (
                ast.FunctionDef(name=one)
                | ast.AsyncFunctionDef(name=one)
                | ast.ClassDef(name=one)
            ):
                found[one] += 1
            case ast.alias(name=one):
                found[one.rpartition(".")[2]] += 1
            case ast.keyword(arg=str(one)):
                found[one] += 1
            case ast.Constant(value=str(text)) if len(text) < 200:
                found.update(re.findall(r"\w+", text))
    return found


CALLED_FROM_OUTSIDE: Final = re.compile(
    r"__\w+__|(on|action|watch|compose|get|render|check|key|validate|_on|_watch)_\w+|compose|"
    r"render\w*|[A-Z_]+|update|value_of|discover|print_help|_open_app_process|markdown|title"
)
"""Names that Python, Textual, a user of the Python door or the making of documents calls."""


def test_every_name_of_the_product_is_used_by_the_product() -> None:
    used: Counter[str] = Counter()
    defined: list[tuple[str, str]] = []
    for path in PRODUCT:
        used.update(words_of(path))
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                defined.append((f"{name(path)}:{node.lineno}", node.name))
    idle = [
        f"{place}: {one}"
        for place, one in defined
        if used[one] <= 1 and not CALLED_FROM_OUTSIDE.fullmatch(one)
    ]
    assert not idle
