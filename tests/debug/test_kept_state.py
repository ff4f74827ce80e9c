"""What one run keeps is what the next one finds: the persisted region, by two options."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from emu import open_session
from emu.debug.kept_state import keep, kept
from emu.errors import CommandError
from tests.boot.tiny_shim import image_of
from tests.house.tree import ROOT

KEEPS = """
start:
    lea rbx, [rip + start]
    lea rbp, [rbx + rsi]
    mov rdi, [rbp + 0xb0]
    add rdi, rbx
    movabs rax, 0x524448504C43484F
    cmp [rdi], rax
    je again
    mov [rdi], rax
    mov qword ptr [rdi + 0x1008], 0x600d
    hlt
again:
    inc qword ptr [rdi + 0x1008]
    hlt
"""
"""Writes a header (OHCLPHDR) and a word, or finds the header and counts the word up."""


@pytest.fixture
def image(tmp_path: Path) -> str:
    """The tiny shim in a file."""
    place = tmp_path / "keeps.elf"
    place.write_bytes(image_of(KEEPS, "keeps").data)
    return str(place)


def words(data: bytes) -> tuple[bytes, int]:
    """(magic, the word in the second page)."""
    return data[:8], struct.unpack_from("<Q", data, 0x1008)[0]


def test_what_is_kept_is_found_again(image: str, tmp_path: Path) -> None:
    file = str(tmp_path / "kept")
    for count in (0x600D, 0x600E, 0x600F):
        more = {"persisted": file} if count > 0x600D else {}
        session = open_session(image, platform="none", cpus=1, **more)  # type: ignore[arg-type]
        session.do("run")
        keep(session.desk, file)
        assert words(Path(file).read_bytes()) == (b"OHCLPHDR", count)
    assert len(Path(file).read_bytes()) == 8192, "up to the last page that is not zero"


def test_the_command_line_keeps_it_too(image: str, tmp_path: Path) -> None:
    file = tmp_path / "kept"
    asked = ("run", image, "--platform", "none", "--cpus", "1", "--keep", str(file))
    subprocess.run(
        [sys.executable, "-m", "tui", *asked], cwd=ROOT, capture_output=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert words(file.read_bytes()) == (b"OHCLPHDR", 0x600D)


@pytest.mark.parametrize("platform", ["tdx", "vbs"])
def test_isolated_memory_is_not_kept(platform: str) -> None:
    session = open_session(platform=platform, cpus=1)
    with pytest.raises(CommandError, match=f"^nothing of a {platform} machine is kept for"):
        kept(session.desk)
