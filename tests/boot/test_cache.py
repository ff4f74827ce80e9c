"""What was read of an image is read from disk the next time, or again if that is broken."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import rmtree
from typing import NoReturn

import pytest

from emu.boot import cache
from emu.boot.cache import DebugCache
from emu.boot.contracts import load
from emu.boot.dwarf import DebugInfo
from emu.boot.image import Image, Placed
from emu.boot.lines import LineTable
from emu.boot.structs import Structs
from tests.shard import breadth

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "samples").rglob("*.elf"), key=lambda path: (len(path.parts), path))
SHA256 = "5" * 64
QUESTION, ANSWER = "struct ap_record", ((1, "one"), (2, "two"))
KIND = tuple[tuple[int, str], ...]
READ = """
import sys
from emu.boot.image import Placed, load_image
from emu.boot.lines import LineTable
from emu.boot.structs import structs_of
image = load_image("samples/shim.elf")
lines = LineTable((Placed("shim", image, 0),))
print(structs_of(image).get("ap_record"))
print([lines.line_of(address) for address in range(0x1000, 0x1800, 7)])
print("elftools" in sys.modules)
"""
BOOT = """
import sys
from emu import open_session
view = open_session(platform="none", cpus=2).do("run")
print([row.line for row in view.cpus], "elftools" in sys.modules)
"""


@pytest.fixture
def store(tmp_path: Path) -> DebugCache:
    return DebugCache(tmp_path, SHA256)


def files(folder: Path) -> list[Path]:
    return [place for place in folder.rglob("*") if place.is_file()]


def start(program: str, folder: Path) -> subprocess.Popen[str]:
    """Another interpreter, which keeps what it reads below a folder."""
    return subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(folder)},
    )  # fmt: skip


def said(program: str, folder: Path) -> str:
    """All that it says."""
    run = start(program, folder)
    text, _ = run.communicate(timeout=120)
    assert run.returncode == 0
    return text.strip()


def test_an_answer_is_found_again(store: DebugCache, tmp_path: Path) -> None:
    assert store.read(QUESTION, KIND) is None
    store.write(QUESTION, ANSWER)
    assert DebugCache(tmp_path, SHA256).read(QUESTION, KIND) == ANSWER
    assert store.read("struct other", KIND) is None
    assert DebugCache(tmp_path, "6" * 64).read(QUESTION, KIND) is None


def cut(data: bytes) -> Iterator[bytes]:
    yield from (data[:length] for length in range(len(data)))


def garbled(data: bytes) -> Iterator[bytes]:
    for index in range(len(data)):
        yield data[:index] + bytes([data[index] ^ 1]) + data[index + 1 :]


def foreign(data: bytes) -> Iterator[bytes]:
    yield data + b"\0"
    yield b"SQLite format 3\0" * 100
    yield bytes(len(data))
    yield b"\x80\x04cos\nsystem\n" + data


@pytest.mark.parametrize("broken", [cut, garbled, foreign])
def test_a_broken_file_is_no_answer_and_is_written_again(
    store: DebugCache, tmp_path: Path, broken: Callable[[bytes], Iterator[bytes]]
) -> None:
    store.write(QUESTION, ANSWER)
    (place,) = files(tmp_path)
    for data in broken(place.read_bytes()):
        place.write_bytes(data)
        assert store.read(QUESTION, KIND) is None, data
    store.write(QUESTION, ANSWER)
    assert store.read(QUESTION, KIND) == ANSWER
    assert files(tmp_path) == [place]


def test_an_answer_to_another_question_or_of_another_image_is_foreign(
    store: DebugCache, tmp_path: Path
) -> None:
    store.write(QUESTION, ANSWER)
    (place,) = files(tmp_path)
    whole = place.read_bytes()
    other = DebugCache(tmp_path, "6" * 64)
    other.write(QUESTION, ())
    store.write("another", ())
    for path in files(tmp_path):
        if path != place:
            path.write_bytes(whole)
    assert other.read(QUESTION, KIND) is store.read("another", KIND) is None
    assert store.read(QUESTION, KIND) == ANSWER


def test_an_older_version_s_answer_is_none(
    store: DebugCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(QUESTION, ANSWER)
    assert store.read(QUESTION, tuple[int, ...]) is None, "another shape"
    monkeypatch.setattr(cache, "FORMAT", "the next one")
    assert store.read(QUESTION, KIND) is None


def test_a_folder_in_the_place_of_a_file_costs_only_the_answer(
    store: DebugCache, tmp_path: Path
) -> None:
    store.write(QUESTION, ANSWER)
    (place,) = files(tmp_path)
    place.unlink()
    place.mkdir()
    assert store.read(QUESTION, KIND) is None
    store.write(QUESTION, ANSWER)
    assert files(tmp_path) == []


def test_nothing_is_kept_where_nothing_can_be(tmp_path: Path) -> None:
    a_file = tmp_path / "file"
    a_file.touch()
    for root in (None, a_file, a_file / "below", Path("/proc/nowhere")):
        nowhere = DebugCache(root, SHA256)
        nowhere.write(QUESTION, ANSWER)
        assert nowhere.read(QUESTION, KIND) is None
    assert files(tmp_path) == [a_file]


def test_who_has_no_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(uid: int) -> NoReturn:
        raise KeyError(uid)

    assert cache.cache_root() is not None
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert cache.cache_root() is None


def test_an_image_that_could_not_be_parsed_leaves_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    data = b"no ELF file, but the name of a section: .debug_info\0"
    assert Structs(DebugInfo(SHA256, data)).get("ap_record") is None
    assert files(tmp_path) == []


def test_numbers_of_any_size_and_long_answers_are_not_kept(
    store: DebugCache, tmp_path: Path
) -> None:
    store.write(QUESTION, 1 << 64)
    store.write(QUESTION, bytes(cache.ANSWER_BYTES_MAX + 1))
    assert files(tmp_path) == []


def test_images_not_used_for_longest_make_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "IMAGES_MAX", 3)
    (tmp_path / "not ours").mkdir()
    names = [f"{number:064x}" for number in range(5)]
    for age, name in enumerate(names[:3]):
        DebugCache(tmp_path, name).write(QUESTION, ANSWER)
        os.utime(tmp_path / name, (1_000 + age, 1_000 + age))
    assert DebugCache(tmp_path, names[0]).read(QUESTION, KIND) == ANSWER, "so it is used"
    for name in names[3:]:
        DebugCache(tmp_path, name).write(QUESTION, ANSWER)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {names[0], names[3], names[4], "not ours"}
    monkeypatch.setattr(cache, "BYTES_MAX", 1)
    DebugCache(tmp_path, "f" * 64).write(QUESTION, ANSWER)
    assert {path.name for path in tmp_path.iterdir()} == {"f" * 64, "not ours"}


def answers(image: Image) -> list[object]:
    """All lines and some structs of an image, asked of a new process's objects."""
    info = DebugInfo(image.sha256, image.data)
    structs = Structs(info)
    lines = LineTable((Placed("image", image, 0x1000),))
    first = image.first + 0x1000
    return [
        *(structs.get(name) for name in ("ap_record", "mailbox", "shim", "none of these")),
        *(lines.line_of(address) for address in range(first, first + image.size, 13)),
        *(lines.functions(address) for address in range(first, first + image.size, 13)),
        lines.addresses("mailbox_loop.inc", 53),
    ]


@pytest.mark.parametrize("path", breadth(SAMPLES, keep=3), ids=lambda path: path.name)
def test_the_disk_answers_as_the_image_does(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from emu.boot import dwarf, unit_lines

    image = load(path)

    def fresh() -> list[object]:
        dwarf._debug_info.cache_clear()
        unit_lines._units_in.cache_clear()
        return answers(image)

    monkeypatch.setattr(dwarf, "cache_root", lambda: None)
    parsed = fresh()
    monkeypatch.setattr(dwarf, "cache_root", lambda: tmp_path)
    assert fresh() == parsed
    monkeypatch.setattr(DebugInfo, "dwarf", None)
    monkeypatch.setattr(DebugInfo, "units", ())
    monkeypatch.setattr(DebugInfo, "entries", None)
    assert fresh() == parsed
    rmtree(tmp_path)
    assert fresh() != parsed, "without the DWARF only the disk can tell"


def test_a_second_start_does_not_parse(tmp_path: Path) -> None:
    first, second = said(BOOT, tmp_path), said(BOOT, tmp_path)
    assert first.endswith("True") and second.endswith("False")
    assert first.removesuffix("True") == second.removesuffix("False")


def test_a_start_with_broken_files_parses_and_mends_them(tmp_path: Path) -> None:
    first = said(READ, tmp_path)
    whole = {place: place.read_bytes() for place in files(tmp_path)}
    for place, data in whole.items():
        place.write_bytes(data[:-1])
    assert said(READ, tmp_path) == first
    assert {place: place.read_bytes() for place in files(tmp_path)} == whole


def test_a_start_that_can_write_nothing_parses(tmp_path: Path) -> None:
    first = said(READ, tmp_path)
    nowhere = tmp_path / "file"
    nowhere.touch()
    assert said(READ, nowhere) == said(READ, Path("/proc/nowhere")) == first
    assert nowhere.read_bytes() == b""


def test_processes_at_once_write_the_same(tmp_path: Path) -> None:
    runs = [start(READ, tmp_path) for _ in range(4)]
    texts = {run.communicate(timeout=120)[0].strip().rpartition("\n")[0] for run in runs}
    assert len(texts) == 1
    assert all(run.returncode == 0 for run in runs)
    assert all(len(place.name) == 32 for place in files(tmp_path)), "no half-written file"
    assert said(READ, tmp_path) == f"{texts.pop()}\nFalse"
