"""The shim in Rust boots on every platform that it claims, and reads like the one in C."""

import importlib.util
import io
import re
import shutil
import struct
import sys
from pathlib import Path
from types import ModuleType

import pytest
from elftools.elf.elffile import ELFFile

from emu import Session, open_session
from emu.boot.image import load_image
from emu.errors import CommandError
from tests.house.tree import ROOT

SAMPLE = ROOT / "samples" / "rust.elf"
SOURCES = ROOT / "shim" / "rust"
R_X86_64_RELATIVE = 8
"""System V ABI, AMD64 supplement, table 4.10."""


def opened(platform: str, cpus: int = 2) -> Session:
    return open_session(str(SAMPLE), platform=platform, cpus=cpus)


def log_of(session: Session) -> str:
    """The memory log: u16 capacity, used, dropped, then text (openvmm, string_page_buf)."""
    board = session.machine.board
    at = next(one.gpa for one in board.layout.regions if one.name == "log")
    size = next(one.size for one in board.layout.regions if one.name == "log")
    data = bytes(byte or 0 for byte in session.memory(f"gpa:{at:#x}", size))
    capacity, used, dropped = struct.unpack_from("<3H", data)
    assert (capacity, dropped) == (size - 6, 0)
    return data[6 : 6 + used].decode()


@pytest.mark.parametrize("platform", ["none", "vbs", "tdx"])
@pytest.mark.parametrize("cpus", [1, 4, 64])
def test_it_boots(platform: str, cpus: int) -> None:
    session = opened(platform, cpus)
    session.do("run")
    assert session.verdict is not None and session.verdict.outcome == "booted"
    online = [cpu for cpu in session.cpus() if cpu.fate == "well"]
    assert len(online) == cpus
    assert session.findings() == ()
    rows = log_of(session).splitlines()
    assert (
        rows[0] == f"[INFO] rust shim: base {session.machine.board.layout.placed[0].start:#x}"
    )
    assert rows[1] == f"[INFO] {platform.capitalize()}: {cpus} cpus"
    assert rows[-1] == "[INFO] about to jump to the kernel"
    assert (f"[INFO] {cpus - 1} vps started" in rows) == (platform == "tdx")


def test_it_relocates_itself() -> None:
    session = opened("none")
    session.do("until shim_main")
    placed = session.machine.board.layout.placed[0]
    file = ELFFile(io.BytesIO(placed.image.data))
    rows = list(file.get_section_by_name(".rela.dyn").iter_relocations())
    for row in rows:
        assert row["r_info_type"] == R_X86_64_RELATIVE
        word = session.memory(f"gva:{placed.start + row['r_offset']:#x}", 8)
        value = int.from_bytes(bytes(byte or 0 for byte in word), "little")
        assert value == placed.start + row["r_addend"]
    assert len(rows) > 20


def test_its_names_are_v0_and_shown_as_paths() -> None:
    image = load_image(SAMPLE)
    mangled = [one.name for one in image.symbols if one.name.startswith("_R")]
    assert len(mangled) > 20
    session = opened("none")
    names = set(session.symbols())
    assert {"tree::topology_from_host_dt", "handover::enter_kernel"} <= names
    assert not any(name.startswith("_R") for name in names)
    session.do("until enter_kernel")
    assert session.stop[0].text == "cpu 0: reached handover::enter_kernel"


def test_inlined_frames_of_methods_and_closures_are_named() -> None:
    session = opened("none")
    session.do("until tree::Reader::token")
    seen: set[str] = set()
    for _ in range(60):
        session.do("step 7")
        for row in session.do("bt").reply:
            if row.startswith("#") and " inlined" in row:
                seen.add(row.split("  ")[2].partition(" (")[0])
    assert seen, "optimised Rust inlines"
    assert not any(name.startswith(("_R", "_ZN")) for name in seen)
    assert {"tree::cell", "<tree::Reader>::take"} <= seen


def test_an_inlined_method_is_found_by_the_last_parts_of_its_path() -> None:
    session = opened("none")
    assert session.machine.board.layout.symbols.find("Reader::take") == []
    session.do("until Reader::take")
    assert "<tree::Reader>::take" in "".join(session.do("bt").reply)
    session.do("break tree::cell")
    with pytest.raises(CommandError, match=r"new: several functions end so: .*Memory::new"):
        session.do("break new")


def test_its_frames_are_found_by_its_own_call_frame_information() -> None:
    session = opened("vbs")
    session.do("until tree::Reader::token")
    rows = session.do("bt").reply
    names = [row.split()[2].partition("+")[0] for row in rows[:-1]]
    assert names[-1] == "_start" and "shim_main" in names
    assert any("  CFI" in row for row in rows)


def test_a_panic_is_in_the_log() -> None:
    session = opened("none")
    session.do("until topology_from_host_dt")
    gpa = session.machine.board.layout.host_dtb_gpa
    session.do(f"set gpa:{gpa:#x}/4=0")
    session.do("run")
    assert session.verdict is not None and session.verdict.outcome != "booted"
    assert "host device tree: NoDeviceTree" in log_of(session)


def test_its_sources_are_here_and_no_path_of_a_machine_is_in_it() -> None:
    data = SAMPLE.read_bytes()
    assert len(data) < 200_000
    assert not re.search(rb"/(?:root|home|tmp|build|Users)/", data)
    session = opened("none")
    session.do("until shim_main")
    lines = session.machine.board.layout.lines
    own = [one for one in lines.files() if one.startswith("shim/rust/")]
    for file in own:
        assert lines.addresses(file, lines.numbers(file)[0])
        assert lines.source(file).place == str(ROOT / file), file
    assert {Path(one).name for one in own} >= {"main.rs", "tree.rs", "handover.rs", "log.rs"}


def _builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("shim_build_rust", ROOT / "shim/rust_shim.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["shim_build_rust"] = module
    spec.loader.exec_module(module)
    return module


def test_without_a_compiler_the_committed_image_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert _builder().build_rust(tmp_path) is False
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(shutil.which("rustc") is None, reason="no rustc is installed")
def test_its_source_builds_and_boots(tmp_path: Path) -> None:
    if not _builder().build_rust(tmp_path):
        pytest.skip("this rustc has no linker for x86-64 Linux")
    session = open_session(str(tmp_path / "rust.elf"), platform="vbs", cpus=2)
    session.do("run")
    assert session.verdict is not None and session.verdict.outcome == "booted"
