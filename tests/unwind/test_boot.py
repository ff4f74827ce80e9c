"""Backtraces of real boots are held against a record of the calls that were executed."""

import importlib.util
import random
import sys
from collections import Counter
from io import BytesIO
from pathlib import Path
from types import ModuleType

import pytest
from elftools.elf.elffile import ELFFile

from emu import open_session
from emu.boot.dwarf_frames import frame_tables
from emu.boot.image import parse_image
from emu.timeline.driver import Driver
from emu.unwind.unwinder import Unwinder
from tests.house.tree import ROOT
from tests.unwind.shadow import compared, counted, found

TICKS = 160_000
"""More than any of these boots takes."""


def booting(platform: str, **options: str) -> Driver:
    """A machine of the sample before its first instruction."""
    session = open_session(platform=platform, cpus=2, **options)  # type: ignore[arg-type]
    return Driver(session.desk.setup.machine())


@pytest.mark.parametrize("platform", ["tdx", "vbs", "none", "sipi"])
def test_every_frame_of_a_boot_is_one_that_was_called(platform: str) -> None:
    by, wrong = counted(booting(platform), 37, TICKS)
    assert not wrong
    assert by["code"] > 2_000
    assert by.total() == by["code"], "the sample has no CFI, and needs no guess"


def test_prologues_and_epilogues_are_as_good_as_any_other_place() -> None:
    by, wrong = counted(booting("tdx"), 1, 33_000, first=30_000)
    assert not wrong
    assert by["code"] > 6_000


def _builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("shim_build", ROOT / "shim/build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["shim_build"] = module
    spec.loader.exec_module(module)
    return module


def _built(folder: Path, *flags: str) -> dict[str, str]:
    """The sample compiled with other flags."""
    build = _builder()
    own = {flag.replace("-fno-", "-f") for flag in flags}
    build.FLAGS = (*(flag for flag in build.FLAGS if flag not in own), *flags)
    (folder / "scratch").mkdir()
    builder = build.Builder(folder, folder / "scratch")
    builder.image("shim", "shim")
    builder.image("kernel", "kernel")
    builder.image("reset", "shim.reset")
    return {"image": str(folder / "shim.elf"), "kernel": str(folder / "kernel.elf")}


@pytest.fixture(scope="module")
def with_cfi(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return _built(tmp_path_factory.mktemp("cfi"), "-fforce-dwarf-frame")


@pytest.fixture(scope="module")
def with_pointers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return _built(tmp_path_factory.mktemp("pointers"), "-fno-omit-frame-pointer")


def test_an_image_with_call_frame_information_is_unwound_by_it(
    with_cfi: dict[str, str],
) -> None:
    by, wrong = counted(booting("none", **with_cfi), 37, TICKS)
    assert not wrong
    assert by["CFI"] > 8 * by["code"] > 0, "hand-written assembly has none"
    assert not by["guess"]


def test_damaged_call_frame_information_only_costs_what_it_hides(
    with_cfi: dict[str, str],
) -> None:
    path = Path(with_cfi["kernel"])
    data = path.read_bytes()
    section = ELFFile(BytesIO(data)).get_section_by_name(".debug_frame")
    whole = frame_tables(parse_image(path, data))
    assert whole is not None
    chance = random.Random(14)
    for _ in range(60):
        damaged = bytearray(data)
        for _ in range(chance.randrange(1, 20)):
            at = section["sh_offset"] + chance.randrange(section["sh_size"])
            damaged[at] = chance.randrange(256)
        image = parse_image(path, bytes(damaged))
        tables = frame_tables(image)
        assert tables is not None
        for link in range(image.first, image.first + image.size, 97):
            tables.row(link)


def test_with_neither_cfi_nor_symbols_frame_pointers_lead_on(
    with_pointers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Unwinder, "_by_code", lambda *_: None)
    by, right, all_of_them = Counter[str](), 0, 0
    for backtrace, true in compared(booting("none", **with_pointers), 37, TICKS):
        by.update(frame.how for frame in backtrace.frames[1:])
        wrong = set(found(backtrace)) - set(true)
        right += len(backtrace.frames) - 1 - len(wrong)
        all_of_them += len(backtrace.frames) - 1
    assert by["frame pointer"] > 0.9 * by.total()
    assert right > 0.99 * all_of_them


def test_guesses_are_marked_and_mostly_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Unwinder, "_by_code", lambda *_: None)
    monkeypatch.setattr("emu.unwind.unwinder.by_pointer", lambda *_: None)
    wrong = every = 0
    for backtrace, true in compared(booting("tdx"), 37, TICKS):
        assert backtrace.guesses == len(backtrace.frames) - 1
        wrong += len(set(found(backtrace)) - set(true))
        every += backtrace.guesses
    assert every > 2_000
    assert wrong < every / 100
