"""The committed images are what the sources say: rebuilt anywhere, they are the same bytes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def images(folder: Path) -> set[Path]:
    """All that is built, by its path in the folder."""
    found = (*folder.rglob("*.elf"), *folder.rglob("*.igvm"), *folder.rglob("bzImage"))
    return {path.relative_to(folder) for path in found}


@pytest.mark.breadth
def test_the_images_rebuild_to_the_same_bytes(tmp_path: Path) -> None:
    home = tmp_path / "another home"
    home.mkdir()
    subprocess.run(
        [sys.executable, str(ROOT / "shim" / "build.py"), "--out", str(tmp_path / "out")],
        cwd=tmp_path, env={**os.environ, "HOME": str(home)}, check=True, timeout=300,
    )  # fmt: skip
    built, samples = tmp_path / "out", ROOT / "samples"
    by_rustc = {Path("rust.elf")}  # where there is one, of its version: test_rust.py
    names = images(built) - by_rustc
    assert names == images(samples) - by_rustc
    for name in names:
        assert (built / name).read_bytes() == (samples / name).read_bytes(), name


def test_no_path_of_the_machine_is_inside() -> None:
    for name in ("shim.elf", "kernel.elf", "reset.elf"):
        data = (ROOT / "samples" / name).read_bytes()
        assert str(ROOT).encode() not in data
        assert b"/tmp/" not in data
