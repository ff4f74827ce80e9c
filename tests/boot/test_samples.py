"""Samples by name: wherever apdbg is called from, and never in place of a file of one's own."""

from pathlib import Path

import pytest

from emu import open_session
from emu.boot.samples import place_of, samples_dir
from emu.debug.script import ScriptError, read
from emu.errors import ImageError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without samples."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "name", ["gallery/no-ack", "gallery/no-ack.elf", "samples/gallery/no-ack.elf"]
)
def test_a_sample_has_a_name_wherever_one_is(name: str) -> None:
    assert place_of(name, ".elf") == samples_dir() / "gallery/no-ack.elf"
    session = open_session(name, cpus=2)
    assert session.desk.setup.image.path.name == "no-ack.elf"
    assert session.desk.setup.reset is not None
    assert session.desk.setup.reset.path.name == "no-ack.reset.elf", "it has one of its own"


def test_a_file_of_that_name_comes_first(elsewhere: Path) -> None:
    own = elsewhere / "gallery" / "no-ack"
    own.parent.mkdir()
    own.write_text("mine")
    assert place_of("gallery/no-ack", ".elf") == Path("gallery/no-ack")


@pytest.mark.parametrize("name", ["shim.elf", "kernel.elf", "demo.apdbg", "../samples/shim",
                                  "gallery", "gallery/", "", "x" * 5_000, "a\0b"])  # fmt: skip
def test_what_looks_like_a_file_of_ones_own_is_no_sample(name: str) -> None:
    assert place_of(name, ".elf") == Path(name)


def test_what_is_not_there_is_named_as_it_was_typed() -> None:
    with pytest.raises(ImageError, match=r"^shim\.elf: cannot be read"):
        open_session("shim.elf")
    with pytest.raises(ScriptError, match=r"^gallery/none: cannot be read"):
        read(Path("gallery/none"))


def test_a_script_of_the_gallery_has_a_name_as_well() -> None:
    assert read(Path("gallery/command-then-id"))[0][1] == "watch mailbox.command"
