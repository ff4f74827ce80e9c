"""A reset page of somebody's own: an ELF file, or the bare bytes of the page."""

from pathlib import Path

import pytest

from emu import open_session
from emu.boot.image import load_image
from emu.boot.reset_page import load_reset_page
from emu.boot.samples import samples_dir
from emu.debug.setup import Options, Setup
from emu.errors import ImageError
from emu.hw.address import PAGE_BYTES, RESET_PAGE
from tests.boot.test_loader import memory


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """The sample's reset page as bytes."""
    page = bytearray(PAGE_BYTES)
    for segment in load_image(samples_dir() / "reset.elf").segments:
        at = segment.address - RESET_PAGE
        page[at : at + len(segment.data)] = segment.data
    place = tmp_path / "reset.bin"
    place.write_bytes(page)
    return place


def test_bare_bytes_are_the_same_page_as_the_elf_file(raw: Path) -> None:
    bare = Setup.of(Options(platform="tdx", reset=str(raw))).layout()
    usual = Setup.of(Options(platform="tdx")).layout()
    assert memory(bare, RESET_PAGE, PAGE_BYTES) == memory(usual, RESET_PAGE, PAGE_BYTES)
    assert usual.symbols.find("reset:mailbox_wait") and not bare.symbols.find(
        "reset:mailbox_wait"
    )


def test_a_td_boots_from_bare_bytes(raw: Path) -> None:
    view = open_session(platform="tdx", cpus=2, reset=str(raw)).do("run")
    assert str(view.outcome) == "booted"


def test_an_elf_file_may_be_given_too() -> None:
    image = load_reset_page(samples_dir() / "reset.elf")
    assert image.symbols


@pytest.mark.parametrize("size", [0, 16, 4095, 4097, 8192])
def test_another_size_is_said_with_where_the_page_lies(size: int, tmp_path: Path) -> None:
    place = tmp_path / "page"
    place.write_bytes(b"\x90" * size)
    with pytest.raises(ImageError) as error:
        load_reset_page(place)
    assert str(error.value) == (
        f"{place}: a reset page is an ELF file, or the 4,096 bytes from 0xfffff000 to 4 GiB, "
        f"not {size:,}"
    )


@pytest.mark.parametrize("name", ["none", "vbs", "sipi"])
def test_where_nobody_begins_there_it_has_no_place(name: str, raw: Path) -> None:
    with pytest.raises(ImageError, match=rf"on platform {name} no CPU begins at the reset vec"):
        Setup.of(Options(platform=name, reset=str(raw)))
