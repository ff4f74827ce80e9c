"""The files and commands that once ended in a traceback, a hang or another digest, each made
again by what it takes: a few instructions, a few lines."""

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from emu import Session, open_session
from emu.debug import recording, recovery
from emu.debug.opening import replay_session
from emu.debug.setup import Options
from emu.errors import ApdbgError
from tests import ways
from tests.guest import boot
from tests.platforms import load_platform
from tui import keymap

CARRY: Final = """
start: xor eax, eax
    mov edi, {DATA}
    TOUCHED
    mov ecx, 0x200
    sub rcx, rax
    mov esi, 0x3600
    cmp rcx, rsi
    mov [rdi], rsi
    jc good
bad: jmp bad
good: nop
    jmp good
"""
"""The store is the first to its page since the checkpoint, unless it was touched before."""
TICKS: Final = 20
HUGE_DECIMAL, HUGE_HEX = "9" * 5_000, "0x" + "f" * 4_000
MACHINE: Final = 'isolation = "tdx"\nstart = "reset-vector"\nhyperv = true\n'


def _run(session: Session) -> None:
    session.do(f"run {TICKS}")


def _goto(session: Session) -> None:
    session.do(f"goto {TICKS}")


def _step(session: Session) -> None:
    session.do(f"step {TICKS}")


def _run_1_by_1(session: Session) -> None:
    for _ in range(TICKS):
        session.do("run 1")


def _back_and_forth(session: Session) -> None:
    for words in ("run 9", "mark m", "goto start", "goto m", f"run {TICKS - 9}"):
        session.do(words)


@pytest.mark.parametrize("touched", ["", "mov qword ptr [rdi + 8], 1"])
@pytest.mark.parametrize("way", [_run, _goto, _step, _run_1_by_1, _back_and_forth])
def test_a_carry_outlives_the_first_store_to_a_page(
    way: Callable[[Session], None], touched: str
) -> None:
    session = boot(CARRY.replace("TOUCHED", touched))
    way(session)
    assert session.machine.board.tick == TICKS
    symbols, cpu = session.machine.board.layout.symbols, session.machine.board.cpus[0]
    assert symbols.name(cpu.registers.rip).startswith("good")
    assert cpu.registers.get("rflags") & 1, "CF"


def test_the_run_stops_where_the_carry_leads() -> None:
    session = boot(CARRY.replace("TOUCHED", ""), max_ticks=10_000)
    session.do("break bad")
    assert session.do("until good").stop[0].kind == "until"
    session = boot(CARRY.replace("TOUCHED", ""), max_ticks=10_000)
    assert session.do("until bad").outcome == "limit"


STORE: Final = 15_022
"""Tick of the sample on tdx, with one CPU, at a first store behind a comparison."""


@pytest.mark.parametrize(
    "before",
    [
        ("run 15023",), ("run 15022", "run 1"), ("run 15022", "step"),
        ("run 15023", "mark m", "goto start", "goto m"),
        ("run 15022", "last-writer gpa:0x8794000/2", "run 1"),
        ("run 15022", "accessed gpa:0x8794000/2", "run 1"),
        ("break 0x8603f01 log", "run 15023"),
        ("break 0x8603f01 if rax == 0x1234567", "run 15023"),
        ("watch gpa:0x8794000/2", "run 15023", "goto 15023"),
    ],
    ids=lambda words: ", ".join(words),
)  # fmt: skip
def test_the_tick_behind_a_first_store_has_one_digest(before: tuple[str, ...]) -> None:
    plain = open_session(platform="tdx", cpus=1)
    plain.timeline.enabled = False
    ways.run(plain, f"run {STORE + 1}")
    session = open_session(platform="tdx", cpus=1)
    for words in before:
        ways.run(session, words)
    while session.machine.board.tick < STORE + 1:  # a watchpoint may stop it on the way
        ways.run(session, f"run {STORE + 1 - session.machine.board.tick}")
    assert session.machine.board.tick == STORE + 1
    if "step" not in before:  # who is stepped by hand is an entry, not another guest
        assert session.digest() == plain.digest()
    flags = [one.machine.board.cpus[0].registers.get("rflags") for one in (plain, session)]
    assert flags[0] == flags[1]


@pytest.mark.parametrize("way", [(f"run {STORE + 1}",), (f"run {STORE}", "run 1")])
def test_a_recording_of_either_way_replays_without_drift(
    way: tuple[str, ...], tmp_path: Path
) -> None:
    """Once the one of them drifted, and which was honest nobody could tell."""
    session = open_session(platform="tdx", cpus=1)
    with (tmp_path / "own").open("wb") as file:
        session.record(file)
        for words in way:
            session.do(words)
        assert session.recorder is not None
        session.recorder.end()
    again, said = replay_session(recording.read(tmp_path / "own"))
    assert (said, again.digest()) == ([], session.digest())


def test_a_guest_that_never_ends_can_be_paused_and_gone_back_in() -> None:
    session = boot("start: inc rax\n jmp start")
    session.begin("run")
    for _ in range(3):
        assert session.pump(0.0)
    session.pause()
    tick = session.machine.board.tick
    assert tick and not session.running
    session.do(f"goto {tick // 2}")
    assert session.machine.board.cpus[0].registers.get("rax") == (tick // 2 + 1) // 2


# -- files ----------------------------------------------------------------------------------


def _platform(place: Path) -> object:
    return load_platform(str(place))


def _keys(place: Path) -> object:
    return keymap.read(str(place), place)


FILES: Final[dict[str, tuple[Callable[[Path], object], str]]] = {
    "decbig": (_platform, f"{MACHINE}tsc_hz = {HUGE_DECIMAL}"),
    "hexbig": (_platform, f"{MACHINE}tsc_hz = {HUGE_HEX}"),
    "keydec": (_keys, f"keys = {HUGE_DECIMAL}"),
    "keyhex": (_keys, f"preset = {HUGE_HEX}"),
    "keydeep": (_keys, f"keys = {'[' * 3_000}{']' * 3_000}"),
    "recdec": (recovery.read, f"case = {HUGE_DECIMAL}"),
    "recdeep": (recovery.read, f"case = {'[' * 3_000}{']' * 3_000}"),
    "recexp": (recovery.read, f'[[case]]\ninject = "nmi 0"\nwhy = "x"\nexpect = {HUGE_HEX}'),
    "recon": (recovery.read, '[[case]]\ninject="nmi 0"\nwhy="x"\nexpect="booted"\n'
              "[case.on]\ntdx=5"),
    "recplat": (recovery.read, '[[case]]\ninject="x"\nplatforms=[["tdx"]]'),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_toml_is_refused_in_one_short_sentence(name: str, tmp_path: Path) -> None:
    read, text = FILES[name]
    place = tmp_path / f"{name}.toml"
    place.write_text(text)
    with pytest.raises(ApdbgError) as found:
        read(place)
    said = str(found.value)
    assert said.startswith(str(place)) and "\n" not in said
    assert len(said) < len(str(place)) + 250


# -- recordings -----------------------------------------------------------------------------

Line = dict[str, Any]
ENTRY: Final[Line] = {"kind": "entry", "tick": 0, "beat": 0}
DIGEST: Final[Line] = {"kind": "digest", "tick": 1, "beat": 0, "entries": 1, "digest": ""}
RECORDINGS: Final[dict[str, tuple[Line, tuple[Line, ...]]]] = {
    "devzero": ({"options": {"initrd": "/dev/zero"}}, ()),
    "nul": ({"options": {"initrd": "a\0b"}}, ()),
    "seed_neg": ({"options": {"seed": -5, "cpus": -1}}, ()),
    "plat_int": ({"platform_text": 5}, ()),
    "digest_huge": ({}, ({**DIGEST, "tick": 10**30},)),
    "digest_null": ({}, ({**DIGEST, "tick": None},)),
    "end_marks": ({}, ({"kind": "end", "outcome": "", "reason": "", "marks": []},)),
    "entry_no_text": ({}, (ENTRY,)),
    "entry_refused": ({}, ({**ENTRY, "text": "inject zz"}, DIGEST)),
    "entry_set_bad": ({}, ({**ENTRY, "text": "set cpu0:rax=zz"}, DIGEST)),
    "entry_hold": ({}, ({**ENTRY, "text": "hold \u00b2"}, DIGEST)),
    "entry_text_int": ({}, ({**ENTRY, "text": 5}, DIGEST)),
    "entry_tick_str": ({}, ({**ENTRY, "tick": "x", "text": "hold 0"}, DIGEST)),
    "esc": ({}, ({"kind": "branch", "name": "x", "tick": 0, "entries": -1},)),
    "esc_marks": ({}, ({"kind": "end", "outcome": "", "reason": "",
                        "marks": {"\x1b[31m": [0, 0, 0], "x": [1]}},)),
    "nokind": ({}, ({},)),
    "runs": ({}, ({"kind": "schedule", "first": 0, "runs": [[0]]},)),
}  # fmt: skip


def recorded(place: Path, header: Line, lines: tuple[Line, ...]) -> Path:
    """A recording of these lines, each with its right sum."""
    options = {name: getattr(Options(), name) for name in Options.__struct_fields__}
    first = {
        "kind": "header", "format": "apdbg-recording/1", "apdbg": "0.1.0",
        "platform_text": (MACHINE), "image_sha256": "", "kernel_sha256": "",
        "digest_ticks": 10_000, **header, "options": options | header.get("options", {}),
    }  # fmt: skip
    texts = [json.dumps(one).encode() for one in (first, *lines)]
    place.write_bytes(b"".join(f"{zlib.crc32(t):08x} ".encode() + t + b"\n" for t in texts))
    return place


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_of_wrong_lines_is_refused_in_one_short_sentence(
    name: str, tmp_path: Path
) -> None:
    place = recorded(tmp_path / name, *RECORDINGS[name])
    with pytest.raises(ApdbgError) as found:
        replay_session(recording.read(place))
    assert "\n" not in str(found.value)
    assert len(str(found.value)) < 700  # the longest lists all kinds of injections


def test_a_version_that_moves_a_terminal_is_said(tmp_path: Path) -> None:
    """How it looks there is the business of who prints it (tests/test_command_line.py)."""
    place = recorded(tmp_path / "esc_version", {"apdbg": "\x1b]0;PWN\x07\x1b[2J"}, ())
    _, said = replay_session(recording.read(place))
    assert any(sentence.startswith("recorded by apdbg") for sentence in said)
