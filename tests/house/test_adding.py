"""The table "Where a thing is added" of the architecture is true: every row is carried out."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.house.adding import plant, recipe, recipes, rows, run_in, targets
from tests.house.tree import ROOT

SLOW: Final = ("bug_of_the_gallery", "mailbox_loop")
"""These are compiled."""
USE: Final = """
import emu, tests.house.additions.{name} as recipe
from pathlib import Path
assert Path(emu.__file__).parents[1] == Path.cwd(), "it is this tree that is used"
recipe.uses()
"""


def lies_in(path: str, place: str) -> bool:
    """Whether a file is the place, or directly in the folder that is the place."""
    pattern = re.sub(r"\\?[A-Z]{2,}", r"[\\w-]+", re.escape(place))
    return bool(re.fullmatch(pattern + (r"[^/]+" if place.endswith("/") else ""), path))


def within(name: str, home: str) -> bool:
    """Whether `Witness.started` is `Witness`, or in it."""
    return f"{name}.".startswith(f"{home}.")


def test_each_row_has_a_recipe_and_each_recipe_a_row() -> None:
    assert sorted(rows()) == list(recipes())


@pytest.mark.parametrize("name", recipes())
def test_a_recipe_adds_where_its_row_says_and_nowhere_else(name: str) -> None:
    row, found = rows()[name], recipe(name)
    for path in found.files:
        assert any(lies_in(path, place) for place in row.places), f"{path}: {row.places}"
    for place in row.places:
        assert any(lies_in(path, place) for path in found.files), f"{place} is left as it was"
    written = [name for _, name in targets(found) if name]
    assert sorted(written) == sorted(set(written)), "one line in each"
    homes = {name: [one for one in row.names if within(name, one)] for name in written}
    assert all(homes.values()), f"the row names not all of {written}"
    for home in re.findall(r"`([A-Za-z_][\w.]*)`", row.named_in):
        assert any(within(name, home) for name in written), f"{home} is left as it was"


@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=[pytest.mark.breadth] * (one in SLOW)) for one in recipes()],
)
def test_what_a_recipe_adds_works(name: str, tmp_path: Path) -> None:
    plant(tmp_path, recipe(name))
    run_in(tmp_path, "-c", USE.format(name=name))


@pytest.mark.breadth
def test_all_recipes_at_once_are_typed_and_written_as_the_rest_is(tmp_path: Path) -> None:
    found = [recipe(name) for name in recipes()]
    plant(tmp_path, *found)
    (tmp_path / "pyproject.toml").symlink_to(ROOT / "pyproject.toml")
    files = sorted(path for one in found for path in one.files if path.endswith(".py"))
    run_in(tmp_path, "-m", "ruff", "check", "--no-cache", "--select", "I", "--fix", *files)
    run_in(tmp_path, "-m", "ruff", "format", "--no-cache", *files)
    run_in(tmp_path, "-m", "ruff", "check", "--no-cache", *files)
    run_in(tmp_path, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"))
