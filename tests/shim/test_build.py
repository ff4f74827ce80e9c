"""The committed images are what the sources say: rebuilt anywhere, they are the same bytes."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from emu.boot.image import PF_X, Placed, load_image
from emu.boot.lines import LineTable

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


TDCALL: Final = b"\x66\x0f\x01\xcc"
"""TDX Module base specification, TDCALL: the opcode."""


@pytest.mark.parametrize(
    "name", ["shim.elf", "reset.elf", "kernel.elf", "loops/one-load.elf", "rust.elf"]
)
def test_a_call_of_the_module_is_told_with_its_own_line(name: str) -> None:
    """A directive of data has no line of its own: an instruction that is written as one is told
    with the line before it."""
    image = load_image(ROOT / "samples" / name)
    lines = LineTable((Placed("guest", image, 0),))
    found = []
    for segment in image.segments:
        data = segment.data if segment.flags & PF_X else b""
        for match in re.finditer(re.escape(TDCALL), data):
            where = lines.line_of(segment.address + match.start())
            assert where is not None
            found.append(lines.text(*where) or "")
    own = re.compile(r"\btdcall\b|\btdvmcall_halt\b")  # a macro's line is that of its use
    assert found and all(own.search(text) for text in found), found
