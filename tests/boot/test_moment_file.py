"""A moment's file is read whole, or refused in a sentence that names the place in its JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from emu.boot.moment_file import is_moment, parse_moment
from emu.errors import ImageError


def least() -> dict[str, Any]:
    return {
        "schema": "apdbg-moment/1",
        "cpus": [{"registers": {"rip": "0x1000"}}],
        "memory": [{"gpa": 0, "file": "memory.bin"}],
    }


def read(folder: Path, made: Any) -> Any:
    (folder / "memory.bin").write_bytes(bytes(0x2000))
    path = folder / "moment.json"
    path.write_text(made if isinstance(made, str) else json.dumps(made))
    return parse_moment(path, path.read_bytes())


def test_what_is_left_out_is_as_after_reset(tmp_path: Path) -> None:
    """SDM 3, table 9-1: power up, reset."""
    found = read(tmp_path, least()).cpus[0]
    words, segments = dict(found.words), dict(found.segments)
    assert (words["rip"], words["rflags"], words["cr0"]) == (0x1000, 2, 0x60000010)
    assert segments["cs"] == (0xF000, 0xFFFF0000, 0xFFFF, 0x9B)
    assert segments["ds"] == (0, 0, 0xFFFF, 0x93) and segments["gdtr"][2] == 0xFFFF
    assert found.state == "running"


def test_every_number_may_be_a_text(tmp_path: Path) -> None:
    made = least()
    made["cpus"][0] = {
        "id": "0", "apic_id": "0x7", "state": "halted",
        "registers": {
            "rax": "0xFFFFFFFFFFFFFFFF", "segments": {"cs": {"attributes": "0xa9b"}},
            "tr": {"base": 16}, "gdtr": {"base": "0x4000", "limit": 31}, "msrs": {"0x1b": 5},
        },
    }  # fmt: skip
    found = read(tmp_path, made).cpus[0]
    assert (found.apic_id, found.state, found.msrs) == (7, "halted", ((0x1B, 5),))
    assert dict(found.words)["rax"] == (1 << 64) - 1
    segments = dict(found.segments)
    assert segments["cs"][3] == 0xA9B and segments["tr"][1] == 16
    assert segments["gdtr"] == (0, 0x4000, 31, 0)


def test_pieces_of_one_file_lie_where_they_say(tmp_path: Path) -> None:
    made = least()
    made["memory"] = [
        {"gpa": 0x5000, "file": "memory.bin", "offset": 0x1000},
        {"gpa": 0x800, "file": "memory.bin", "size": 16},
    ]
    found = read(tmp_path, made)
    assert [(gpa, len(data)) for gpa, data in found.memory] == [(0x800, 16), (0x5000, 0x1000)]


WRONG: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("schema",), "apdbg-moment/2", 'schema must be "apdbg-moment/1", got '),
    (("schemes",), 1, "schemes: there is no such key"),
    (("cpus",), [], "cpus must be a list that is not empty"),
    (("cpus", 0), 3, "cpus[0] must be an object"),
    (("cpus", 0, "id"), 4, "cpus[0].id must be 0: CPUs stand in the order"),
    (("cpus", 0, "state"), "asleep", "cpus[0].state must be one of running, halted, "),
    (("cpus", 0, "registers", "rxx"), 1, "cpus[0].registers.rxx: there is no such key"),
    (("cpus", 0, "registers", "rax"), 1 << 64, "cpus[0].registers.rax must be a number from"),
    (("cpus", 0, "registers", "rax"), True, "cpus[0].registers.rax must be a number"),
    (("cpus", 0, "registers", "cr0"), "x", "cpus[0].registers.cr0 must be a number"),
    (("cpus", 0, "registers", "segments"), {"cs": {"limit": -1}},
     "cpus[0].registers.segments.cs.limit must be a number from 0 to 0xffffffff"),
    (("cpus", 0, "registers", "gdtr"), {"selector": 1},
     "cpus[0].registers.gdtr.selector: there is no such key"),
    (("cpus", 0, "registers", "msrs"), {"efer": 1},
     "cpus[0].registers.msrs.efer must be under the number of an MSR"),
    (("cpus", 0, "registers", "rip"), 1 << 32,
     "cpus[0].registers.rip must be an address of 32 bits"),
    (("cpus", 0, "registers"),
     {"rip": 1 << 47, "efer": 0x500, "segments": {"cs": {"attributes": 0xA9B}}},
     "cpus[0].registers.rip must be a canonical address"),
    (("memory", 0, "file"), "/etc/hostname", "memory[0].file must be the name of a file"),
    (("memory", 0, "file"), "../memory.bin", "memory[0].file must be the name of a file"),
    (("memory", 0, "file"), "nothing.bin", "nothing.bin: cannot be read"),
    (("memory", 0, "size"), 0x3000, "memory[0].size must be what memory.bin has: 8,192 bytes"),
    (("memory", 0, "offset"), 0x2000, "memory[0].size must be what memory.bin has: 0 bytes"),
    (("memory", 0, "gpa"), 1 << 40, "memory[0].gpa must be a number"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "value", "sentence"), WRONG)
def test_the_place_of_a_mistake_is_named(
    tmp_path: Path, place: tuple[str | int, ...], value: Any, sentence: str
) -> None:
    made: Any = least()
    inner = made
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    with pytest.raises(ImageError) as told:
        read(tmp_path, made)
    assert sentence in str(told.value) and "\n" not in str(told.value)


def test_pieces_that_overlap_and_ids_that_are_the_same_are_refused(tmp_path: Path) -> None:
    made = least()
    made["memory"].append({"gpa": 0x1000, "file": "memory.bin"})
    with pytest.raises(ImageError, match="do not overlap, as two do at 0x1000"):
        read(tmp_path, made)
    made = least()
    made["cpus"].append({"apic_id": 0, "registers": {}})
    with pytest.raises(ImageError, match="with an apic_id of their own each"):
        read(tmp_path, made)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is no JSON"):
        parse_moment(tmp_path / "x", b'{"schema": "apdbg-moment/1", "note": "\xff"}')


@pytest.mark.parametrize("text", ['{"schema": "apdbg-moment/1"', "[" * 5000, "[]", "7"])
def test_what_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ImageError):
        read(tmp_path, text)


def test_a_moment_is_known_by_its_schema() -> None:
    assert is_moment(b' {"schema": "apdbg-moment/1"}')
    assert not is_moment(b'"apdbg-moment/1"') and not is_moment(b"{}")
