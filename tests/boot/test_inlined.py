"""Line tables and inlined functions are read as pyelftools reads them, entry by entry."""

import bisect
import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elftools.dwarf.ranges import BaseAddressEntry
from elftools.elf.elffile import ELFFile
from msgspec.structs import replace

from emu.boot.dwarf import DebugInfo
from emu.boot.image import Image, Placed, load_image
from emu.boot.lines import LineTable
from emu.boot.unit_lines import Units
from tests.boot.guest import compiled

SAMPLES = Path(__file__).parents[2] / "samples"
IMAGES = ("shim.elf", "kernel.elf", "reset.elf", "rust.elf", "gallery/no-ack.elf")
BIAS = 0x4000_0000
NESTED = """\
int seen;
volatile int other;
static inline __attribute__((always_inline)) int inner(int value) {
    if (other)
        seen += value;
    return value * other;
}
static inline __attribute__((always_inline)) int outer(int value) {
    int first = inner(value);
    seen ^= first;
    return first + inner(seen);
}
void _start(void) {
    seen = outer(other);
    seen += inner(7);
    for (;;)
        ;
}
"""
"""`outer` is called in line 14, `inner` in 9, 11 and 15; its own lines are 4 to 6."""


def code_of(image: Image) -> tuple[tuple[int, int], ...]:
    return tuple((s.address, s.address + s.memory_bytes) for s in image.segments if s.flags & 1)


def dwarf_of(image: Image) -> Any:
    return ELFFile(io.BytesIO(image.data)).get_dwarf_info()


def kept(image: Image, start: int) -> bool:
    return start > 0 and any(first <= start < end for first, end in code_of(image))


def rows_by_library(dwarf: Any, unit: Any, image: Image) -> list[tuple[int, ...]]:
    """(start, end, line, file, is_stmt) of the code that was kept."""
    rows, before, keep = [], None, False
    for entry in dwarf.line_program_for_CU(unit).get_entries():
        state = entry.state
        if state is None:
            continue
        if before is None:
            keep = kept(image, state.address)
        elif keep and before.address < state.address and before.line:
            row = (before.address, state.address, before.line, before.file, before.is_stmt)
            rows.append(tuple(map(int, row)))
        before = None if state.end_sequence else state
    return sorted(rows)


def ranges(dwarf: Any, die: Any) -> list[tuple[int, int]]:
    """The ranges of an entry."""
    found, attributes = [], die.attributes
    if "DW_AT_ranges" in attributes:
        low = die.cu.get_top_DIE().attributes.get("DW_AT_low_pc")
        base, lists = low.value if low else 0, dwarf.range_lists()
        for one in lists.get_range_list_at_offset(attributes["DW_AT_ranges"].value, cu=die.cu):
            if isinstance(one, BaseAddressEntry):
                base = one.base_address
            else:
                shift = 0 if getattr(one, "is_absolute", False) else base
                found.append((shift + one.begin_offset, shift + one.end_offset))
    elif "DW_AT_high_pc" in attributes:
        start, high = attributes["DW_AT_low_pc"].value, attributes["DW_AT_high_pc"]
        end = high.value if high.form == "DW_FORM_addr" else start + high.value
        found.append((start, end))
    return [(start, end) for start, end in found if start < end]


def name_of(die: Any) -> str:
    """Of an entry, or of what it is an instance of."""
    for _ in range(8):
        if "DW_AT_name" in die.attributes:
            return str(die.attributes["DW_AT_name"].value.decode())
        for link in ("DW_AT_abstract_origin", "DW_AT_specification"):
            if link in die.attributes:
                die = die.get_DIE_from_attribute(link)
                break
    return ""


def chains(dwarf: Any, die: Any, outer: tuple[Any, ...], address: int) -> Iterator[Any]:
    """The entries of functions around an address, from the outermost inwards."""
    for child in die.iter_children():
        here = outer
        if child.tag in ("DW_TAG_subprogram", "DW_TAG_inlined_subroutine"):
            if not any(first <= address < end for first, end in ranges(dwarf, child)):
                continue
            here = (*outer, child)
            yield here
        elif child.tag not in ("DW_TAG_lexical_block", "DW_TAG_namespace",
                               "DW_TAG_structure_type", "DW_TAG_enumeration_type",
                               "DW_TAG_union_type"):  # fmt: skip
            continue
        yield from chains(dwarf, child, here, address)


@pytest.mark.parametrize("name", IMAGES)
def test_rows_are_those_of_the_library(name: str) -> None:
    image = load_image(SAMPLES / name)
    _rows_agree(image)


def test_rows_of_each_version_are_those_of_the_library(guest: Image) -> None:
    _rows_agree(guest)


def _rows_agree(image: Image) -> None:
    dwarf = dwarf_of(image)
    units = {unit._start: unit for unit in Units(_info(image), code_of(image)).every}
    count = 0
    for unit in dwarf.iter_CUs():
        found = units[unit.cu_offset].table
        rows = list(zip(*found.columns, strict=True))
        assert rows == rows_by_library(dwarf, unit, image)
        count += len(rows)
    assert count


def _info(image: Image) -> DebugInfo:
    return DebugInfo(image.sha256, image.data)


@pytest.mark.parametrize("name", IMAGES)
def test_functions_are_those_of_the_library(name: str) -> None:
    image = load_image(SAMPLES / name)
    dwarf = dwarf_of(image)
    table = LineTable((Placed("image", image, 0),))
    generator = random.Random(3)
    addresses = [
        generator.randrange(first, end) for first, end in code_of(image) for _ in range(40)
    ]
    inlined = 0
    for address in addresses:
        true: list[Any] = []
        for unit in dwarf.iter_CUs():
            for chain in chains(dwarf, unit.get_top_DIE(), (), address):
                true = list(chain) if len(chain) > len(true) else true
        found = table.functions(address)[::-1]
        assert len(found) == len(true), hex(address)
        for one, die in zip(found, true, strict=True):
            plain = name_of(die).partition("<")[0]
            assert plain in one.name or plain.startswith("{"), "a closure has no name"
            assert one.inlined == (die.tag == "DW_TAG_inlined_subroutine")
            if one.inlined:
                inlined += 1
                assert one.line == die.attributes["DW_AT_call_line"].value
    assert inlined or name == "reset.elf"


@pytest.fixture(scope="module", params=["-gdwarf-4", "-gdwarf-5"])
def nested(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Image:
    folder = tmp_path_factory.mktemp("nested")
    return load_image(compiled(folder, request.param, "-static", text=NESTED, file="nested.c"))


def test_calls_of_one_function_are_told_apart(nested: Image) -> None:
    table = LineTable((Placed("guest", nested, BIAS),))
    seen: dict[tuple[tuple[str, int], ...], set[int]] = {}
    keys = set()
    for first, end in code_of(nested):
        for address in range(first + BIAS, end + BIAS):
            found = table.functions(address)
            line = table.line_of(address)
            if found and line:
                way = tuple((one.name, one.line) for one in found if one.inlined)
                seen.setdefault(way, set()).add(line[1])
                keys |= {one.key for one in found if one.name == "inner"}
                assert not found[-1].inlined and found[-1].name == "_start"
                assert all(one.file == "src/nested.c" for one in found if one.inlined)
    assert (("inner", 9), ("outer", 14)) in seen
    assert (("inner", 11), ("outer", 14)) in seen
    assert (("inner", 15),) in seen
    assert seen[(("inner", 9), ("outer", 14))] <= {3, 4, 5, 6, 0}
    assert len(keys) == 3


def test_damage_costs_what_it_hides(nested: Image) -> None:
    generator = random.Random(11)
    data = nested.data
    names = [data.index(word) for word in (b".debug_info", b".debug_abbrev")]
    assert all(names)
    for _ in range(150):
        changed = bytearray(data)
        for _ in range(generator.randrange(1, 40)):
            changed[generator.randrange(64, len(changed))] = generator.randrange(256)
        image = replace(nested, data=bytes(changed))
        table = LineTable((Placed("guest", image, 0),))
        for first, end in code_of(image):
            for address in range(first, end, 5):
                table.functions(address)
                table.line_of(address)


def test_what_contains_another_is_found_behind_it(nested: Image) -> None:
    """The columns are flat: bisection finds what a walk over all ranges finds."""
    units = Units(_info(nested), code_of(nested))
    for unit in units.every:
        starts = list(unit.instances._starts)
        assert starts == sorted(set(starts))
        for start in starts:
            index = bisect.bisect_right(starts, start) - 1
            assert starts[index] == start
