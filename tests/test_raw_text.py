"""What a guest, a file or a recording says never reaches a terminal raw: every way out."""

import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from tests.raw import CORPUS, NAMES, ROOT, hostile_shim, moves_a_terminal
from tests.shard import breadth

WAYS = {
    "an image": ["run", "{}"], "a kernel": ["run", "--kernel", "{}"],
    "an initrd": ["run", "--initrd", "{}"], "a tree": ["run", "--host-dtb", "{}"],
    "a platform": ["run", "--platform", "{}"],
    "a platform's file": ["run", "--platform", "{}.toml"],
    "a place": ["run", "--until", "{}"], "an injection": ["run", "--inject", "{}"],
    "a script": ["run", "--script", "{}"], "a number": ["run", "--cpus", "{}"],
    "a schedule": ["run", "--schedule", "{}"], "an outcome": ["run", "--expect", "{}"],
    "an option": ["run", "--{}"], "a second image": ["run", "samples/shim.elf", "{}"],
    "a recording": ["replay", "{}"], "a campaign": ["campaign", "--file", "{}"],
    "a case": ["campaign", "--only", "{}"], "an output": ["record", "-o", "nowhere/{}"],
}  # fmt: skip
"""What is named on the command line -> its words; all of them are mistakes."""


def apdbg(*words: str, code: int | None = 2) -> tuple[str, str]:
    """stdout and stderr of a command, strictly as UTF-8; its exit code is this one."""
    done = subprocess.run(
        [os.fsencode(word) for word in (sys.executable, "-m", "tui", *words)], cwd=ROOT,
        capture_output=True, timeout=120, check=False, stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    out, err = done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
    assert code is None or done.returncode == code, err
    assert moves_a_terminal(out + err) == ""
    return out, err


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample shim, hostile."""
    return hostile_shim(tmp_path_factory.mktemp("raw") / "x\x1b]0;PWN\x07.elf")


@pytest.mark.parametrize("way", breadth(WAYS, every=4))
def test_what_is_named_in_a_command_is_one_plain_line(way: str) -> None:
    name = "".join(NAMES.values()).encode("utf-8", "surrogatepass").decode("utf-8", "ignore")
    name = name.replace("\ud800", "")[:150] + "\n\udcff"
    out, err = apdbg(*(word.replace("{}", name) for word in WAYS[way]))
    assert out == "" and err.count("\n") == 1 and "Traceback" not in err


@pytest.mark.parametrize("words", [(), ("--platform", "none"), ("--inject", "never-starts 1")])
def test_a_guest_is_heard_plain(shim: Path, words: tuple[str, ...]) -> None:
    out, err = apdbg("run", str(shim), "--cpus", "2", *words, code=None)
    assert "\\x1b]0;PWNED\\x07\\x9b2J\\u202e" in out and "[bold]" in out and err == ""


def test_json_says_what_the_guest_said_in_visible_characters(shim: Path) -> None:
    out, err = apdbg("run", str(shim), "--cpus", "2", "--json", code=0)
    assert "\x1b]0;PWNED\x07\x9b2J\u202e" in json.loads(out)["serial"] and err == ""


def test_a_place_of_a_hostile_image_is_shown_plain(shim: Path) -> None:
    out, _ = apdbg("run", str(shim), "--cpus", "2", "--until", "\x1b]0;PWN\x07[b]fp", code=0)
    assert "reached \\x1b]0;PWN\\x07[b]fp" in out


def test_a_finding_of_a_hostile_image_is_shown_plain(shim: Path) -> None:
    out, _ = apdbg(
        "run", str(shim), "--cpus", "2", "--inject", "mailbox command=9 at mailbox_wakeup",
        "--races", code=None,
    )  # fmt: skip
    assert out == "" or "PWN" in out


def line(**fields: object) -> bytes:
    """A line of a recording, with a right check sum."""
    text = json.dumps(fields).encode()
    return f"{zlib.crc32(text):08x} ".encode() + text + b"\n"


@pytest.mark.parametrize(
    "field", breadth(["apdbg", "format", "platform_text", "image", "kind", "text"], keep=1)
)
def test_a_recording_is_told_plain(tmp_path: Path, field: str) -> None:
    place, said = tmp_path / "own.apdbg", "".join(CORPUS.values()).replace("\ud800\udcff", "")
    apdbg("record", "-o", str(place), "--cpus", "1", "--max-ticks", "9", code=0)
    first = json.loads(place.read_bytes().split(b"\n")[0].partition(b" ")[2])
    entry: dict[str, object] = {"kind": "entry", "tick": 3, "beat": 1, "text": "hold 0"}
    changed = entry if field == "text" else first
    if field == "image":
        changed = first["options"]
    changed[field] = said
    place.write_bytes(line(**first) + line(**entry))
    _, err = apdbg("replay", str(place), "--check", code=None)
    assert "Traceback" not in err and len(err) < 1_500


def test_a_campaign_is_told_plain(tmp_path: Path) -> None:
    place, said = tmp_path / "own.toml", json.dumps("nmi \x1b]0;PWN\x07\x9b\u202e")
    place.write_text(
        f"[[case]]\nplatforms = ['tdx']\nwhy = {said}\ninject = [{said}]\nexpect = 'booted'\n"
    )
    for words in ((), ("--json",)):
        out, err = apdbg("campaign", "--file", str(place), "--jobs", "1", *words, code=None)
        assert "PWN" in out + err


@pytest.mark.breadth
def test_a_script_is_told_plain(tmp_path: Path) -> None:
    for key, text in CORPUS.items():
        if key != "half a pair":
            (tmp_path / "own").write_text(f"print {text}\n", encoding="utf-8", newline="")
            _, err = apdbg("run", "--cpus", "1", "--script", str(tmp_path / "own"), code=None)
            assert "Traceback" not in err, key
