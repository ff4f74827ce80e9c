"""Every place that takes a number, a word or a file's value takes any: each is found in the
program's own tables (options, commands, injections, lines of recordings, keys of the samples'
files), given what `odd` has, and works or is refused in one sentence.
"""

import contextlib
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from msgspec.structs import fields

from emu import Session, open_session
from emu.debug import language, recording, recovery
from emu.debug.command import Command, Slot
from emu.debug.commands import COMMANDS
from emu.debug.opening import replay_session
from emu.debug.recording_lines import AnyLine
from emu.debug.setup import Options
from emu.errors import ApdbgError
from emu.inject.kinds import KINDS, of_platform
from tests.fuzz import doors, odd, words
from tests.fuzz.kinds import KINDS as FUZZED
from tests.fuzz.kinds import SAMPLES
from tests.platforms import load_platform
from tests.shard import DAY, breadth
from tui import command_line, keymap

GIVEN: Final = (*odd.NUMBERS, *odd.DIGITS, *odd.TEXTS)
FEW: Final = 12
"""Of them for a place that takes a machine of its own each time."""


def some(name: str, count: int = FEW) -> list[str]:
    """What a place is given today."""
    return Random(f"{DAY} {name}").sample(GIVEN, count)


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """It works, or an ApdbgError tells why not; any other exception is the test's."""
    try:
        yield
    except ApdbgError as error:
        doors.told(error)


# -- the command line -------------------------------------------------------------------------


@cache
def options_of(word: str) -> tuple[str, ...]:
    """Every option of a command that takes a value, as its own help has them."""
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command_line, "say", said.append)
        patch.setenv("COLUMNS", "200")
        with contextlib.suppress(SystemExit):
            command_line.parse([word, "--help"] if word else ["--help"])
    return tuple(sorted(set(re.findall(r"(--[\w-]+) [A-Z{]", said[0]))))


@pytest.mark.parametrize("word", ("", *command_line.COMMANDS))
def test_every_option_takes_any_word(word: str) -> None:
    found = options_of(word)
    assert word in ("doctor", "inspect", "compare", "completion") or found
    for option in found:
        for given in GIVEN:
            with one_sentence():
                command_line.parse([*([word] if word else []), f"{option}={given}"])


# -- commands -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def session() -> Session:
    """A machine in the middle of its boot, with a past."""
    session = open_session(platform="tdx", cpus=2, max_ticks=200_000)
    doors.carry_out(session, "run 43000", doors.PUMPS_WHOLE)
    doors.carry_out(session, "goto 42000")
    return session


def _usual(slot: Slot) -> str:
    return "1" if slot.is_number else "rax"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.word)
def test_every_place_of_a_command_takes_any_word(
    command: Command, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    places = range(max(len(command.slots), 1))
    for place in places:
        for given in some(f"{command.word} {place}"):
            usual = [_usual(slot) for slot in command.slots[:place]]
            line = words.harmless(" ".join([command.word, *usual, given]))
            doors.carry_out(session, line, pumps=2)
    assert session.view().cpus


@pytest.mark.parametrize(
    "form",
    [
        "{}", "cpu{}:rax", "gpa:{}/8", "gpa:0x8010000/{}", "main.c:{}", "[{}]", "[rsp]/{}",
        "mailbox.{}", "npt:{}", "pte:{}", "dtb:{}", "hpa:{}", "_start+{}", "rax << {}",
    ],
)  # fmt: skip
def test_every_form_of_a_place_takes_any_word(form: str, session: Session) -> None:
    for given in GIVEN:
        text = form.format(given)
        for word in ("print", "last-writer", "break"):
            doors.carry_out(session, f"{word} {text}", pumps=2)
        doors.carry_out(session, f"set {text}={given}")
    for point in session.view().breakpoints:
        session.do(f"delete {point.number}")


@pytest.mark.parametrize(
    "form",
    [
        "goto #{}", "goto {}us", "goto {}ms", "break mailbox_wait cpu {}",
        "break mailbox_wait after {}", "schedule random {}", "schedule timed quantum {}",
        "schedule switches {}:0", "schedule switches 1:{}", "schedule first {}",
        "reverse-step any {}", "step {}", "step 0 {}", "run {}", "mem rsp {}", "catch cpuid {}",
        "until 0x8400000 {}", "delete {}", "branch {}", "find {}", "schedules {}",
        "set cpu0:rbx={}", "x {}", "hold {}", "cpu {}",
    ],
)  # fmt: skip
def test_every_number_of_a_command_may_be_any(form: str, session: Session) -> None:
    for given in (*odd.NUMBERS, *odd.DIGITS):
        doors.carry_out(session, form.format(given), pumps=2)


# -- injections ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", breadth(KINDS, every=4), ids=lambda one: one.name)
def test_every_parameter_of_an_injection_takes_any_word(kind: Any) -> None:
    name = next(
        one for one in doors.PLATFORMS if kind in of_platform(load_platform(one, cpus=2))
    )
    session = open_session(platform=name, cpus=2)
    for place in range(len(kind.parameters)):
        for given in some(f"{kind.name} {place}"):
            usual = ["1"] * place
            text = " ".join(["inject", kind.name, *usual, given])
            for moment in ("", f" at tick {given}", f" at mailbox command={given} nth {given}"):
                doors.carry_out(session, text + moment, pumps=2)
    doors.carry_out(session, "run 2000", doors.PUMPS_WHOLE)


# -- recordings ---------------------------------------------------------------------------

ODD_VALUES: Final[tuple[Any, ...]] = (
    None, True, -1, 0, 1 << 61, 1 << 62, 1 << 64, 10**30, -(10**30), 1.5, 1e300, "", "\u00b2",
    "\0", "hold \u00b2", "x" * 70_000, [], [[]], [0], [[0]], [[0, 0, 0]], [[-1, 1]], {},
    {"a": 1}, {"a": [1, 2]}, {"\ud7ff": [0, 0, 0]},
)  # fmt: skip
LINES: Final = {one.__struct_config__.tag: one for one in AnyLine.__args__}


def _written(place: Path, lines: list[dict[str, Any]]) -> Path:
    place.write_bytes(doors.sealed(b"\n".join(json.dumps(one).encode() for one in lines)))
    return place


@pytest.mark.parametrize("kind", breadth(LINES, every=2))
def test_every_field_of_a_recordings_line_takes_any_value(kind: Any, tmp_path: Path) -> None:
    seed = FUZZED["recording"].seeds()["none"]
    lines = [json.loads(one) for one in seed.split(b"\n")]
    at = next(place for place, one in enumerate(lines) if one["kind"] == kind)
    for field in fields(LINES[kind]):
        for value in ODD_VALUES:
            changed = [dict(one) for one in lines]
            changed[at][field.name] = value
            _replayed(_written(tmp_path / "odd", changed))


@pytest.mark.parametrize("name", breadth(Options.__struct_fields__, every=4))
def test_every_option_in_a_recording_takes_any_value(name: str, tmp_path: Path) -> None:
    seed = FUZZED["recording"].seeds()["none"]
    header, *lines = [json.loads(one) for one in seed.split(b"\n")]
    for value in (*ODD_VALUES, 1, 3, "/dev/zero", "nowhere", "\udcff"):
        options = header["options"] | {name: value}
        _replayed(_written(tmp_path / "odd", [header | {"options": options}, *lines]))


def _replayed(place: Path) -> None:
    heard = iter([False] * 50)
    with one_sentence():
        replay_session(recording.read(place), heard=lambda: next(heard, True))


# -- files of TOML ------------------------------------------------------------------------

KEY: Final = re.compile(r"^(\"?[\w.]+\"?) = (.+?)(?= *#|$)", re.MULTILINE)
WRITTEN: Final = (
    *odd.NUMBERS, *(f'"{one}"' for one in odd.DIGITS), '""', '"\\u0000"', "[]", "{}", "[[]]",
    "true", "[" * 40 + "]" * 40, "1979-05-27", "inf", "nan", "[1, 2]", '["a"]', "{ a = 1 }",
)  # fmt: skip


def changed(text: str) -> Iterator[str]:
    """The text with each of its values replaced by each that nobody expects."""
    for found in KEY.finditer(text):
        for value in WRITTEN:
            yield text[: found.start(2)] + value + text[found.end(2) :]


@pytest.mark.parametrize("name", breadth(doors.PLATFORMS, keep=1))
def test_every_key_of_a_platform_takes_any_value(name: str, tmp_path: Path) -> None:
    text = (SAMPLES / "platforms" / f"{name}.toml").read_text()
    place = tmp_path / "own.toml"
    for one in changed(f"{text}\n[roles]\nparked = [1]\n"):
        place.write_text(one)
        with one_sentence():
            load_platform(str(place), cpus=2)


def test_every_key_of_a_campaign_takes_any_value(tmp_path: Path) -> None:
    text = (SAMPLES / "recovery.toml").read_text()
    cases = text.split("\n\n")
    place = tmp_path / "own.toml"
    for one in changed("\n\n".join(cases[1:7])):
        place.write_text(one)
        with one_sentence():
            recovery.read(place)


def test_every_key_of_a_keymap_takes_any_value(tmp_path: Path) -> None:
    place = tmp_path / "own.toml"
    for one in changed('preset = "vim"\n[keys]\nstep = "f11, t"\n"reverse.step" = "S"\n'):
        place.write_text(one)
        with one_sentence():
            keymap.read(str(place), place)


def test_every_command_has_a_place_in_the_table() -> None:
    assert {command.word for command in COMMANDS} == set(language.BY_WORD)
