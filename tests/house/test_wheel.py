"""`pip install .` brings the command, both packages, the samples and their sources, and nothing
else; and the command works from there: without a checkout, a network, or a home."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.house.tree import ROOT, name, python_files

SHARE = ".data/data/share/apdbg/"
NOT_CODE = ("*.tcss", "*.css", "*.js", "*.toml")
"""What packages have beside modules: sheets, scripts of pages, texts."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built without isolation, so without the network."""
    place = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (found,) = place.glob("apdbg-*.whl")
    return found


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(built)


def entry(wheel: zipfile.ZipFile, ending: str) -> str:
    """The text of the only entry with that ending."""
    (found,) = (path for path in wheel.namelist() if path.endswith(ending))
    return wheel.read(found).decode()


def files(*folders: str, pattern: str = "*") -> set[str]:
    """All files of these folders, but for what Python keeps there."""
    found = (path for folder in folders for path in (ROOT / folder).rglob(pattern))
    return {name(path) for path in found if path.is_file() and "__pycache__" not in path.parts}


def test_the_wheel_has_every_module_and_no_test(wheel: zipfile.ZipFile) -> None:
    packed = {path for path in wheel.namelist() if path.endswith(".py") and SHARE not in path}
    assert packed == {name(path) for path in python_files("emu", "tui")}


def test_the_wheel_has_the_texts_the_sheets_and_the_script_of_pages(
    wheel: zipfile.ZipFile,
) -> None:
    beside = {one for pattern in NOT_CODE for one in files("emu", "tui", pattern=pattern)}
    assert {"emu/export/page.css", "emu/export/page.js", "tui/apdbg.tcss"} <= beside
    assert any(one.startswith("emu/texts/explain/zh/") for one in beside)
    assert beside <= set(wheel.namelist())


def test_the_samples_and_their_sources_go_to_share(wheel: zipfile.ZipFile) -> None:
    packed = {path.partition(SHARE)[2] for path in wheel.namelist()} - {""}
    assert packed == files("samples", "shim")


def test_the_command_is_apdbg(wheel: zipfile.ZipFile) -> None:
    assert "apdbg = tui.__main__:main" in entry(wheel, "entry_points.txt")


def test_the_licence_and_the_readme_are_inside(wheel: zipfile.ZipFile) -> None:
    assert "the apdbg authors" in entry(wheel, "licenses/LICENSE")
    said = entry(wheel, "dist-info/METADATA")
    assert "\nDescription-Content-Type: text/markdown\n" in said
    assert said.endswith((ROOT / "README.md").read_text(encoding="utf-8"))


class Installed:
    """An environment that has the wheel and what it depends on, and no checkout."""

    def __init__(self, place: Path, wheel: Path) -> None:
        self.home, self._bin = place / "home", place / "venv" / "bin"
        self.home.mkdir()
        venv.EnvBuilder(with_pip=False, symlinks=True).create(place / "venv")
        python = str(self._bin / "python")
        install = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps",
                   "--no-index", "-q", "--disable-pip-version-check", str(wheel)]  # fmt: skip
        subprocess.run(install, check=True, timeout=300, env=self._environment())
        ours = self.run(
            "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"
        )
        # What it depends on is read from here; a .pth file found this way is not, so a checkout
        # that is installed here stays out.
        Path(ours.stdout.strip(), "dependencies.pth").write_text(sysconfig.get_path("purelib"))

    def _environment(self) -> dict[str, str]:
        """Of somebody who has just come."""
        return {"PATH": f"{self._bin}:{os.environ['PATH']}", "HOME": str(self.home),
                "LANG": "C.UTF-8"}  # fmt: skip

    def run(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """A command of that environment, in an empty folder."""
        return subprocess.run(
            [str(self._bin / words[0]), *words[1:]], cwd=self.home, env=self._environment(),
            input=typed, capture_output=True, text=True, timeout=120,
        )  # fmt: skip


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"), built)


def test_what_is_installed_is_not_this_checkout(installed: Installed) -> None:
    done = installed.run("python", "-c", "import emu, tui; print(emu.__file__, tui.__file__)")
    assert done.returncode == 0, done.stderr
    assert all("/site-packages/" in one for one in done.stdout.split())
    assert str(ROOT) not in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--version",), "apdbg "),
        (("--help",), "usage: apdbg"),
        (("run", "--cpus", "2"), "booted: all 2 CPUs came online"),
        (("run", "gallery/no-pause", "--cpus", "2"), "hint wait-pauses: "),
        (("run", "dialects/edk2", "--cpus", "2"), "booted: "),
        (("inspect", "gallery/no-ack"), "ELF"),
        (("campaign", "--only", "nmi 0", "--platform", "none"), "0 not as expected"),
        (("replay", "demo", "--check"), "demo: "),
        (("doctor",), "share/apdbg/samples"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_the_installed_command_has_its_samples(
    words: tuple[str, ...], says: str, installed: Installed
) -> None:
    done = installed.run("apdbg", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert says in done.stdout


def test_the_installed_command_shows_source_and_explains(installed: Installed) -> None:
    typed = "list shim_main\nuntil mailbox_ack\nlist mailbox_ack\nlist wake_aps\n?efer\n"
    done = installed.run("apdbg", "--lines", "--cpus", "2", typed=typed)
    assert (done.returncode, done.stderr) == (0, "")
    c, assembly, kernel = "  load_idt();", "$MAILBOX_NOOP, MB_COMMAND", "< info.cpu_count;"
    for source in (c, assembly, kernel):
        assert source in done.stdout, "in share, beside the samples"
    assert "\nefer: " in done.stdout


def test_the_demo_is_what_its_script_records(tmp_path: Path) -> None:
    """`make samples` writes it anew where the guest has changed."""
    place, demo = tmp_path / "demo.apdbg", ROOT / "samples/demo.apdbg"
    words = ["record", "--cpus", "4", "--script", "samples/demo.script", "-o", str(place)]
    subprocess.run([sys.executable, "-m", "tui", *words], cwd=ROOT, check=True, timeout=120,
                   capture_output=True)  # fmt: skip
    assert place.read_bytes() == demo.read_bytes()
