"""NUMA nodes and ranges of memory: what the host's tree says of them, and where memory is."""

from pathlib import Path

import fdt
import pytest

from emu import open_session
from emu.boot.platform import Platform, platform_text
from emu.errors import PlatformError
from tests.boot.test_loader import BASE, memory
from tests.boot.tiny_shim import at_rest, layout_of, places, platform_with

TWO = """
[numa]
nodes = 2
memory = [
    { base = 0x1000_0000, mib = 4, node = 1 },
    { base = 0x1_0000_0000, mib = 2, node = 1, type = "vtl2" },
    { base = 0x1040_0000, mib = 1, type = "reserved" },
    { base = 0x1060_0000, mib = 1, type = "persistent" },
]
"""
NAMES = ("none", "vbs", "tdx")


def tree(platform: Platform) -> fdt.FDT:
    """The host's tree as another library reads it out of memory."""
    layout = layout_of("nop", platform)
    region = places(layout)["parameter region"][0]
    return fdt.parse_dtb(memory(layout, region + 0x28000, 0x40000))


def ranges(found: fdt.FDT) -> list[tuple[int, int, int, int]]:
    """(base, bytes, type, node) of each memory node, as host_fdt_parser reads them (1.2)."""
    rows = []
    for node in found.get_node("/").nodes:
        if node.name.startswith("memory@"):
            high, low, more, size = node.get_property("reg").data
            kind = node.get_property("microsoft,igvm-type").value
            rows.append(
                (high << 32 | low, more << 32 | size, kind,
                 node.get_property("numa-node-id").value)
            )  # fmt: skip
    return sorted(rows)


@pytest.mark.parametrize("name", NAMES)
def test_each_range_is_told_with_its_type_and_its_node(name: str) -> None:
    half = 32 << 20
    assert ranges(tree(platform_with(name, TWO, cpus=4))) == [
        (BASE, half, 3, 0), (BASE + half, half, 3, 1), (0x1000_0000, 4 << 20, 0, 1),
        (0x1040_0000, 1 << 20, 1, 0), (0x1060_0000, 1 << 20, 2, 0),
        (0x1_0000_0000, 2 << 20, 3, 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nodes = 2", [0, 0, 0, 1, 1]), ("nodes = 5", [0, 1, 2, 3, 4]),
        ("cpus = [1, 0]", [1, 0, 0, 0, 0]), ("nodes = 1", [0] * 5),
        ("nodes = 64", [0, 12, 25, 38, 51]),
    ],
)  # fmt: skip
def test_cpus_are_on_their_nodes(text: str, expected: list[int]) -> None:
    found = tree(platform_with("none", f"[numa]\n{text}\n", cpus=5))
    cpus = found.get_node("/cpus").nodes
    assert [cpu.get_property("numa-node-id").value for cpu in cpus] == expected


STORES = """
start:
    mov rax, cr3
    mov rax, [rax]
    and ax, 0xf000
    lea rdx, [rip + directory]
    or rdx, 3
    mov [rax + 4 * 8], rdx
    movabs rdx, 0x1000000e3
    mov [rip + directory], rdx
    movabs rdi, 0x1001ffff8
    mov qword ptr [rdi], 0x600d
    mov rdi, [rdi]
    hlt
.balign 4096
directory: .fill 4096
"""
"""Maps 2 MiB at 4 GiB, and stores into the last of them."""


def test_the_memory_is_there_and_no_more_than_that() -> None:
    board = at_rest(STORES, platform_with("none", TWO, cpus=1)).machine.board
    assert board.ram.guest_bytes(0x1_001F_FFF8, 8) == (0x600D).to_bytes(8, "little")
    assert board.cpus[0].registers.get("rdi") == 0x600D
    assert board.ram.guest_bytes(0x1_0020_0000, 1) is None


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("{ base = 0x0a00_0000, mib = 2 }", "0xa000000 to 0xa200000 overlaps 0x8000000 to 0xc"),
        ("{ base = 0x2000_0000, mib = 2 }, { base = 0x2010_0000, mib = 2 }",
         "0x20100000 to 0x20300000 overlaps 0x20000000 to 0x20200000"),
        ("{ base = 0xf7f0_0000, mib = 2 }", "overlaps 0xf8000000 to 0x100000000"),
        ("{ base = 0xf_e000_0000, mib = 2 }", "overlaps 0xfe0000000 to 0x1000000000"),
    ],
)  # fmt: skip
def test_ranges_that_overlap_are_named(rows: str, expected: str) -> None:
    with pytest.raises(PlatformError) as error:
        layout_of("nop", platform_with("none", f"[numa]\nmemory = [{rows}]\n"))
    assert str(error.value).startswith("platform none: numa.memory: ")
    assert expected in str(error.value)


WRONG = [
    ("nodes = 65", "numa.nodes must be a whole number from 1 to 64"),
    ("cpus = [0, 64]", "numa.cpus must be a list of nodes from 0 to 63"),
    ("cpus = 1", "numa.cpus must be a list of nodes from 0 to 63"),
    ("memory = [{ base = 0 }]", "numa.memory must be a list of { base, mib, node, type }"),
    ("memory = [{ base = 1, mib = 2 }]", "numa.memory must be ranges whose base is a page b"),
    ("memory = [{ base = 0, mib = 0 }]", "numa.memory must be ranges of 1 to 3,072 MiB"),
    ("memory = [{ base = 0, mib = 1, node = -1 }]", "numa.memory must be ranges on nodes fro"),
    ('memory = [{ base = 0, mib = 1, type = "rom" }]', "numa.memory must be ranges of type me"),
    ("memory = [{ base = 0, mib = 1, size = 2 }]", "numa.memory must be a list of { base, mi"),
    ("memory = [{ base = 0, mib = 2000 }, { base = 0x8000_0000, mib = 2000 }]",
     "numa.memory must be 3,072 MiB together at the most"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_what_cannot_be_is_said_with_its_key(text: str, expected: str) -> None:
    with pytest.raises(PlatformError) as error:
        platform_with("none", f"[numa]\n{text}\n")
    assert str(error.value).startswith(f"none.toml: {expected}")


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_boots_on_two_nodes(name: str, tmp_path: Path) -> None:
    place = tmp_path / "two.toml"
    place.write_text(platform_text(name) + TWO)
    assert str(open_session(platform=str(place)).do("run").outcome) == "booted"
