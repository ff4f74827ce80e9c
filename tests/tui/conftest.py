"""Goldens: text files of what a screen shows, rewritten with `--update-goldens`."""

from collections.abc import Callable
from pathlib import Path

import pytest

GOLDENS = Path(__file__).parent / "goldens"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with a golden file by name; with the option, write it instead."""
    update = request.config.getoption("--update-goldens")

    def compare(name: str, text: str) -> None:
        path = GOLDENS / f"{name}.txt"
        text = "\n".join(row.rstrip() for row in text.splitlines()) + "\n"
        if update:
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path.name} is missing: run with --update-goldens"
        assert text == path.read_text(encoding="utf-8")

    return compare
