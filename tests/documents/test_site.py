"""The pages of docs/ build strictly, without a network, and load nothing from elsewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents.pictures import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All pages, built as `make site` does."""
    place = tmp_path_factory.mktemp("site")
    words = ["-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(place)]
    nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=nowhere, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return place


def loaded(page: str) -> list[str]:
    """What a page loads from elsewhere: scripts, styles, pictures, fonts."""
    tags = re.findall(r"<(?:script|link|img|iframe|source|object)\b[^>]*>", page)
    found = (re.search(r'\b(?:src|href|data)="((?:https?:)?//[^"]*)"', tag) for tag in tags)
    return [one[1] for one in found if one is not None]


def test_every_page_is_built(site: Path) -> None:
    pages = [place.relative_to(ROOT / "docs") for place in ROOT.glob("docs/**/*.md")]
    assert [str(one) for one in pages if not (site / one.with_suffix(".html")).is_file()] == []


@pytest.mark.parametrize(
    "page", sorted(ROOT.glob("docs/**/*.md")), ids=lambda place: str(place.stem)
)
def test_a_page_begins_with_its_title_and_what_one_gets_from_it(page: Path) -> None:
    title, lead, *_ = page.read_text(encoding="utf-8").split("\n\n")
    assert re.fullmatch(r"# \S.*", title)
    assert re.match(r"[A-Z`]", lead), "a paragraph, and no heading, table or picture"


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    found = {
        str(place.relative_to(site)): loaded(place.read_text(encoding="utf-8"))
        for place in site.rglob("*.html")
    }
    assert {name: one for name, one in found.items() if one} == {}
    styles = [place.read_text(encoding="utf-8") for place in site.rglob("*.css")]
    assert [one for one in styles if re.search(r"url\(\"?(?:https?:)?//|@import", one)] == []


def test_what_is_loaded_from_elsewhere_would_be_found() -> None:
    assert loaded('<link rel="stylesheet" href="https://fonts.example.org/css">')
    assert loaded('<script src="//example.org/mermaid.js"></script>')
    assert not loaded('<a href="https://example.org/">there</a><img src="pictures/a.svg">')
