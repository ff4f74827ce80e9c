"""Changed files, commands and travels of the day: each works, or is refused in one sentence.

`make fuzz` runs 10,000 of each kind, 20,000 commands and 2,000 programs of travel."""

import gc
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Final

import pytest

from emu.errors import ApdbgError
from tests.fuzz.case import Case, Edit, edited, shrunk
from tests.fuzz.kinds import KINDS, ROOT, Kind
from tests.fuzz.promise import tried
from tests.shard import DAY

CYCLES_EVERY: Final = 50
"""Cases between two collections: the program, which has one session, puts them off."""
FEW: Final = 20
"""Of so many cases of the day's share every change runs one."""


def _check(kind: Kind, numbers: range, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for number in numbers:
        found = tried(kind, kind.case(DAY, number), folder)
        if number % CYCLES_EVERY == 0:
            gc.collect()
        again = f"python -m tests.fuzz {kind.name} --seed {DAY} --case {number}"
        assert found.became != "failed", f"{again}\n{found.where}\n{found.words}"


@pytest.mark.parametrize("name", KINDS)
def test_a_few_of_the_day(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = max(KINDS[name].a_day // FEW, 1)
    _check(KINDS[name], range(few), tmp_path, monkeypatch)


@pytest.mark.breadth
@pytest.mark.parametrize("chunk", range(4))
@pytest.mark.parametrize("name", KINDS)
def test_the_share_of_the_day(
    name: str, chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = -(-KINDS[name].a_day // 4)
    _check(KINDS[name], range(chunk * size, (chunk + 1) * size), tmp_path, monkeypatch)


@pytest.mark.parametrize("name", KINDS)
def test_a_case_is_the_same_whenever_it_is_asked_for(name: str) -> None:
    kind = KINDS[name]
    first, again, other = kind.case(1, 2), kind.case(1, 2), kind.case(1, 3)
    assert first == again != other
    assert kind.data(first) == kind.data(again)


def test_edits_are_made_from_the_left_and_never_twice_at_one_place() -> None:
    assert (
        edited(b"abcdef", (Edit(4, 1, b"E"), Edit(0, 2, b"X"), Edit(1, 1, b"lost"))) == b"XcdEf"
    )
    assert edited(b"ab", (Edit(2, 0, b"c"), Edit(2, 9, b"d"), Edit(9, 1))) == b"abcd"


def test_what_fails_is_shrunk_to_what_it_takes() -> None:
    draw = Random(1)
    edits = tuple(Edit(at, 1, draw.randbytes(9)) for at in range(0, 60, 3))
    guilty = Edit(30, 1, b"....!....")
    case = Case("seed", tuple(guilty if one.at == 30 else one for one in edits))

    def fails(one: Case) -> bool:
        return b"!" in edited(b"." * 64, one.edits)

    assert shrunk(case, fails).edits == (Edit(30, 1, b"!"),)


def _broken(data: bytes, draw: Random, folder: Path) -> None:
    if data:
        raise {b"e": ApdbgError("a sentence"), b"l": ApdbgError(""), b"z": ZeroDivisionError()}[
            data
        ]


@pytest.mark.parametrize(
    ("data", "became"), [(b"", "works"), (b"e", "refused"), (b"l", "failed"), (b"z", "failed")]
)
def test_a_promise_can_be_broken(data: bytes, became: str, tmp_path: Path) -> None:
    kind = Kind("own", lambda: {"": b""}, lambda *_: (), _broken)
    assert tried(kind, Case("", (Edit(0, 0, data),)), tmp_path).became == became


def test_a_whole_run_is_a_table() -> None:
    words = ("keymap", "state", "--cases", "5", "--seed", "3", "--jobs", "1")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [
        line.split()
        for line in done.stdout.splitlines()
        if line.startswith(("keymap", "state"))
    ]
    assert [row[:2] for row in rows] == [["keymap", "5"], ["state", "5"]]
