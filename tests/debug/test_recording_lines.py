"""A recording whose lines are whole but say anything is replayed or refused, never worse."""

import json
import os
import zlib
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu import open_session
from emu.debug import recording
from emu.debug.opening import replay_session
from emu.errors import ApdbgError, RecordingError

ODD: Final = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False),
    st.text(max_size=8), st.lists(st.integers(0, 9), max_size=3),
    st.sampled_from(
        ["hold ²", "set cpu0:rax=zz", "inject", "/dev/zero", "a\0b", "random", "\x1b[2J", {}]
    ),
)  # fmt: skip
"""What a field may hold that is none of its values."""


def lines(tmp: Path) -> list[dict[str, Any]]:
    """Those of a short recording that has one of each kind."""
    session = open_session(platform="none", cpus=2)
    session.do("run 100")
    session.do("mark here")
    session.do("hold 1")
    session.do("run 50")
    session.do(f"save {tmp / 'whole'}")
    raw = (tmp / "whole").read_bytes().splitlines()
    return [json.loads(line[9:]) for line in raw] + [
        {"kind": "branch", "name": "b", "tick": 120, "entries": 1}
    ]


def written(place: Path, values: list[dict[str, Any]]) -> Path:
    """A file of these lines with the right sums."""
    texts = [json.dumps(one).encode() for one in values]
    place.write_bytes(b"".join(f"{zlib.crc32(t):08x} ".encode() + t + b"\n" for t in texts))
    return place


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return lines(tmp_path_factory.mktemp("whole"))


@settings(max_examples=60)
@given(data=st.data())
def test_any_field_may_hold_anything(
    whole: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    values = [dict(one) for one in whole]
    line = data.draw(st.sampled_from(values))
    if line["kind"] == "header" and data.draw(st.booleans()):
        line["options"] = dict(line["options"])
        line = line["options"]
    line[data.draw(st.sampled_from(sorted(line)))] = data.draw(ODD)
    place = written(tmp_path_factory.mktemp("odd") / "odd.apdbg", values)
    try:
        found = recording.read(place)
        replay_session(found)
    except ApdbgError as error:
        assert str(error).isprintable() or "\x1b" in str(error)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "digest", "tick": 10**30}, "line 2: .*tick"),
        ({"kind": "digest", "tick": None}, "line 2: .*tick"),
        ({"kind": "entry", "tick": 0, "beat": 0}, "line 2: .*text"),
        ({"kind": "schedule", "first": 0, "runs": [[0]]}, "line 2: .*runs"),
        ({"kind": "end", "outcome": "", "reason": "", "marks": []}, "line 2: .*marks"),
        ({"no": "kind"}, "line 2: .*kind"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(
    whole: list[dict[str, Any]], tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    filled = {"beat": 0, "entries": 0, "digest": "x", **change}
    place = written(tmp_path / "odd", [whole[0], filled if "tick" in change else change])
    with pytest.raises(RecordingError, match=says):
        recording.read(place)


def test_a_kind_of_a_later_version_is_passed_over(
    whole: list[dict[str, Any]], tmp_path: Path
) -> None:
    place = written(tmp_path / "later", [whole[0], {"kind": "weather", "tick": "warm"}])
    assert recording.read(place).trouble.endswith(
        "was not finished: what was written before holds"
    )


def test_a_digest_that_no_run_reaches_is_not_waited_for(
    whole: list[dict[str, Any]], tmp_path: Path
) -> None:
    far = {"kind": "digest", "tick": 1 << 60, "beat": 0, "entries": 0, "digest": "x"}
    session, said = replay_session(recording.read(written(tmp_path / "far", [whole[0], far])))
    assert "no recording has such a gap" in said[-1]
    assert session.timeline.now.tick == 0


@pytest.mark.parametrize(
    "line",
    [
        {"kind": "digest", "tick": 100, "beat": 0, "entries": 4, "digest": "x"},
        {"kind": "digest", "tick": 100, "beat": 1 << 60, "entries": 0, "digest": "x"},
        {"kind": "digest", "tick": 0, "beat": 0, "entries": 1 << 60, "digest": "x"},
    ],
)
def test_a_state_that_no_run_comes_to_is_passed_by(
    whole: list[dict[str, Any]], tmp_path: Path, line: dict[str, Any]
) -> None:
    """An entry that the file lacks, a beat that never comes: it was waited for for ever."""
    found = recording.read(written(tmp_path / "never", [whole[0], line]))
    session, said = replay_session(found)
    assert said[-1].startswith("drift: ")
    assert session.timeline.now.tick <= 30_000


def test_a_line_that_is_no_utf_8_is_named(whole: list[dict[str, Any]], tmp_path: Path) -> None:
    place = written(tmp_path / "bytes", [whole[0]])
    text = b'{"kind": "entry", "tick": 0, "beat": 0, "text": "\xff"}'
    place.write_bytes(place.read_bytes() + f"{zlib.crc32(text):08x} ".encode() + text + b"\n")
    with pytest.raises(RecordingError, match=r"line 2: .*can't decode byte"):
        recording.read(place)


@pytest.mark.parametrize(
    "text",
    [
        "save {}", "export {}.json", "run", "break mailbox_ack", "mark x", "reset", "quit", "",
        "hold 1; save {}", "hold 1\nsave {}", "schedule timed; save {}",
        "inject nmi 1; save {}", "set hpa:0/1=0; save {}",
    ],
)  # fmt: skip
def test_an_entry_changes_the_machine_and_does_nothing_else(
    whole: list[dict[str, Any]], tmp_path: Path, text: str
) -> None:
    victim = tmp_path / "victim"
    entry = {"kind": "entry", "tick": 50, "beat": 0, "text": text.format(victim)}
    digest = {"kind": "digest", "tick": 90, "beat": 0, "entries": 1, "digest": "x"}
    place = written(tmp_path / "own", [whole[0], entry, digest])
    with pytest.raises(ApdbgError):
        replay_session(recording.read(place))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["own"]


@pytest.mark.parametrize("field", ["image", "kernel", "initrd", "host_dtb"])
@pytest.mark.parametrize("what", ["/dev/zero", "folder", "pipe", "gone", "\0"])
def test_a_recording_reads_regular_files_alone(
    whole: list[dict[str, Any]], tmp_path: Path, field: str, what: str
) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    name = what if what in ("/dev/zero", "\0") else str(tmp_path / what)
    first = {**whole[0], "options": {**whole[0]["options"], field: name}}
    found = recording.read(written(tmp_path / "own", [first]))
    with pytest.raises(ApdbgError, match=r"is no file|is a directory|cannot be read|no name"):
        replay_session(found)


def test_another_image_than_was_recorded_is_said(
    whole: list[dict[str, Any]], tmp_path: Path
) -> None:
    first = {**whole[0], "image_sha256": "0" * 64}
    _, said = replay_session(recording.read(written(tmp_path / "own", [first])))
    assert any("is another image than the recorded one" in one for one in said)
