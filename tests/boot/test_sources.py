"""Source is found by maps, and where it is not, a sentence says what was looked for."""

import hashlib
from pathlib import Path

import pytest

from emu import Session, open_session
from emu.boot.image import Image, Placed, load_image
from emu.boot.lines import LineTable
from emu.boot.sources import SourceMap
from emu.errors import ApdbgError, CommandError
from tests.boot.guest import SOURCE, compiled
from tui.program import carry_out


@pytest.fixture(scope="module", params=["-gdwarf-4", "-gdwarf-5"])
def elsewhere(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Image:
    """An image that was compiled in /build/guest, and lies far from its source."""
    folder = tmp_path_factory.mktemp("compiled")
    flags = (request.param, "-static", f"-ffile-prefix-map={folder}=/build/guest")
    place = compiled(folder, *flags, "-fdebug-compilation-dir=/build/guest")
    home = tmp_path_factory.mktemp("a") / "b" / "c" / "d"
    home.mkdir(parents=True)
    moved = home / "guest.elf"
    moved.write_bytes(place.read_bytes())
    return load_image(moved)


def table(image: Image, *maps: str) -> LineTable:
    found = LineTable((Placed("guest", image, 0),))
    found.look_in(tuple(SourceMap.of(one) for one in maps))
    assert found.addresses("guest.c", 20)
    return found


def checkout(folder: Path, text: str = SOURCE) -> Path:
    """A folder with the guest's source as it was compiled."""
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "guest.c").write_text(text)
    return folder


def named(lines: LineTable) -> str:
    return next(one for one in lines.files() if one.endswith("guest.c"))


def test_without_a_map_it_says_what_it_looked_for(elsewhere: Image) -> None:
    lines = table(elsewhere)
    file = named(lines)
    found = lines.source(file)
    assert not found.lines and not found.place
    assert str(elsewhere.path.parent / file) in found.why
    assert "compiled in /build/guest" in found.why and "--source FROM=TO" in found.why
    assert lines.text(file, 20) is None


@pytest.mark.parametrize("compiled_in", ["/build/guest", "/build/guest/", "/build"])
def test_a_map_leads_to_it(elsewhere: Image, tmp_path: Path, compiled_in: str) -> None:
    home = checkout(tmp_path / "guest")
    here = home.parent if compiled_in == "/build" else home
    lines = table(elsewhere, "/nowhere=/tmp", f"{compiled_in}={here}")
    assert lines.text(named(lines), 20) == "    total += count * other.word;"
    assert lines.source(named(lines)).place == str(home / "src/guest.c")
    assert lines.source(named(lines)).why == ""


def test_a_map_of_another_folder_does_not(elsewhere: Image, tmp_path: Path) -> None:
    home = checkout(tmp_path / "guest")
    for other in (f"/build/gue={home}", f"/other={home}", f"guest={home}"):
        assert table(elsewhere, other).source("src/guest.c").lines == ()


def test_another_file_than_the_one_compiled_is_shown_and_said(
    elsewhere: Image, tmp_path: Path
) -> None:
    home = checkout(tmp_path / "guest", SOURCE.replace("99", "98"))
    lines = table(elsewhere, f"/build/guest={home}")
    found = lines.source(named(lines))
    assert found.lines[23].strip() == "total = 98;"
    unit = next(u for u in lines._known_units() if named(lines) in u.names.values())
    known = unit.check(named(lines)).md5
    if known:  # only DWARF 5 has it
        assert known == hashlib.md5(SOURCE.encode()).digest()
        assert found.why == "it is another file than the one that was compiled, by its MD5"
    else:
        assert found.why == ""


@pytest.mark.parametrize("path", ["../../etc/passwd.c", "/etc/passwd.c", "..", "a/../../b.c"])
def test_a_map_leads_nowhere_else(tmp_path: Path, path: str) -> None:
    from posixpath import normpath

    found = SourceMap.of(f"/build={tmp_path}").place(normpath(f"/build/{path}"))
    assert found is None or tmp_path in found.parents
    assert SourceMap.of(f".={tmp_path}").place(normpath(path)) is None


@pytest.mark.parametrize("text", ["", "/build", "/build=", "/build=  "])
def test_what_is_no_map_is_one_sentence(text: str) -> None:
    with pytest.raises(CommandError, match="takes FROM=TO: a folder that the image"):
        SourceMap.of(text)


def opened(image: Image, *maps: str) -> Session:
    found = open_session(str(image.path), platform="none", cpus=1, sources=maps)
    found.do("step")
    return found


def test_a_session_takes_maps_when_it_begins_and_later(
    elsewhere: Image, tmp_path: Path
) -> None:
    home = checkout(tmp_path / "guest")
    session = opened(elsewhere)
    rows = session.picture().code
    assert any(row.kind == "no source" and "--source" in row.text for row in rows)
    assert not any(row.kind == "source" for row in rows)
    assert "it is not at" in session.do("sources guest.c").reply[0]
    assert session.do(f"sources /build/guest={home}").reply == (
        f"source compiled in /build/guest is looked for in {home}",
    )
    assert any(row.kind == "source" for row in session.picture().code)
    assert session.do("sources").reply[0].endswith(f": {home}/src/guest.c")
    session.do("reset")
    assert session.machine.board.layout.lines.text("src/guest.c", 20), "a reset keeps it"
    again = opened(elsewhere, f"/build/guest={home}")
    assert any(row.kind == "source" for row in again.picture().code)
    with pytest.raises(ApdbgError, match="no code comes from a file gone"):
        again.do("sources gone.c")


def test_a_recording_has_none_of_it(elsewhere: Image, tmp_path: Path) -> None:
    home = checkout(tmp_path / "guest")
    file = tmp_path / "boot.apdbg"
    words = [
        "record",
        str(elsewhere.path),
        "--platform",
        "none",
        "--cpus",
        "1",
        "-o",
        str(file),
    ]
    assert carry_out([*words, "--max-ticks", "20", "--source", f"/build/guest={home}"]) in (
        0,
        1,
    )
    assert str(home) not in file.read_text()
    assert "/build/guest" not in file.read_text()
    assert carry_out(["replay", str(file), "--check", "--source", f"/build={home}"]) == 0
    assert carry_out(["run", str(elsewhere.path), "--source", "nonsense"]) == 2
