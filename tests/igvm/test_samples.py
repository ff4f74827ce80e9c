"""The packaged IGVM files boot on every platform that they claim, with their names."""

from pathlib import Path
from typing import Final

import pytest

from emu import open_session
from emu.boot.contracts import load
from emu.boot.contracts.igvm import CONTRACT
from emu.debug.inspection import as_text, inspect
from emu.igvm.file import parse_igvm
from emu.igvm.measure import digest
from shim.igvm import NATIVE, TDX, VBS, File

SAMPLE: Final = "samples/shim.igvm"
PLATFORMS: Final = {"tdx": "TDX", "vbs": "VBS", "none": "native"}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_sample_is_the_shim_to_the_bit(platform: str) -> None:
    plain = open_session(platform=platform, cpus=4)
    packed = open_session(SAMPLE, platform=platform, cpus=4)
    assert packed.digest() == plain.digest()
    for session in (plain, packed):
        session.do("run")
    assert packed.digest() == plain.digest()
    assert packed.verdict == plain.verdict
    assert packed.do("print mailbox_wait").reply == plain.do("print mailbox_wait").reply


def test_a_file_is_booted_on_the_platform_that_it_is_for(tmp_path: Path) -> None:
    place = tmp_path / "some.igvm"
    for file, platform in ((File().platform(VBS), "vbs"), (File().platform(NATIVE), "none"),
                           (File().platform(VBS).platform(TDX, 2), "tdx")):  # fmt: skip
        place.write_bytes(file.page(0x820_0000, mask=1).bytes())
        assert CONTRACT.chosen(load(place)) == platform
    session = open_session("samples/shim-moves.igvm", cpus=1)
    assert session.desk.setup.options.platform == "none"


def test_one_file_is_for_all_three() -> None:
    """Version 1, and a checksum that is right, or it were refused."""
    igvm = parse_igvm(Path(SAMPLE), Path(SAMPLE).read_bytes())
    assert igvm.version == 1
    assert [one.name for one in igvm.platforms] == [*PLATFORMS.values()]
    digests = [digest(igvm, one) for one in igvm.platforms]
    assert [None if one is None else len(one[1]) for one in digests] == [48, 32, None]


def test_names_are_found_beside_the_file(tmp_path: Path) -> None:
    names = open_session(SAMPLE, platform="tdx").desk.setup.options.symbols
    assert [Path(name).name for name in names] == ["kernel.elf", "reset.elf", "shim.elf"]
    names = open_session(SAMPLE, platform="vbs").desk.setup.options.symbols
    assert [Path(name).name for name in names] == ["kernel.elf", "shim.elf"]
    alone = tmp_path / "alone.igvm"
    alone.write_bytes(Path(SAMPLE).read_bytes())
    (tmp_path / "other.elf").write_bytes(b"no ELF file")
    assert open_session(str(alone), platform="vbs").desk.setup.options.symbols == ()


def test_inspect_tells_of_each_platform() -> None:
    found, igvm = inspect(SAMPLE)
    text = as_text(found, igvm)
    assert "IGVM v1, TDX, VBS and native, 961 and 960 pages measured, entry 32-bit at" in text
    assert "  besides: 64 filled in by the host" in text
    assert found.igvm is not None
    assert [one.pages_of_parameters for one in found.igvm.platforms] == [64, 64, 64]
    assert [one.algorithm for one in found.igvm.platforms] == [
        "MRTD, SHA-384", "boot digest, SHA-256", "",
    ]  # fmt: skip
