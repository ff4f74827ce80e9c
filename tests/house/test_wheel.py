"""`pip install .` brings the command, both packages and the samples, and nothing else."""

import subprocess
import sys
import zipfile

import pytest

from tests.house.tree import ROOT, name, python_files

SHARE = ".data/data/share/apdbg/"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this checkout, built without isolation, so without the network."""
    place = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (built,) = place.glob("apdbg-*.whl")
    return zipfile.ZipFile(built)


def entry(wheel: zipfile.ZipFile, ending: str) -> str:
    """The text of the only entry with that ending."""
    (found,) = (path for path in wheel.namelist() if path.endswith(ending))
    return wheel.read(found).decode()


def test_the_wheel_has_every_module_and_no_test(wheel: zipfile.ZipFile) -> None:
    packed = {path for path in wheel.namelist() if path.endswith(".py")}
    assert packed == {name(path) for path in python_files("emu", "tui")}


def test_the_wheel_has_the_style_sheets_and_the_script_of_pages(
    wheel: zipfile.ZipFile,
) -> None:
    sheets = {name(path) for path in (ROOT / "tui").rglob("*.tcss")}
    assert sheets | {"emu/export/page.css", "emu/export/page.js"} <= set(wheel.namelist())


def test_the_samples_go_to_share(wheel: zipfile.ZipFile) -> None:
    packed = {path.partition(SHARE)[2] for path in wheel.namelist()} - {""}
    assert packed == {name(path) for path in (ROOT / "samples").rglob("*") if path.is_file()}


def test_the_command_is_apdbg(wheel: zipfile.ZipFile) -> None:
    assert "apdbg = tui.__main__:main" in entry(wheel, "entry_points.txt")


def test_the_licence_is_inside(wheel: zipfile.ZipFile) -> None:
    assert "the apdbg authors" in entry(wheel, "licenses/LICENSE")
