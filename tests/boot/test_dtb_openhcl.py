"""/openhcl of the host's tree, the command line's policy, and what was kept for a restore."""

import struct
from pathlib import Path

import fdt
import pytest

from emu import open_session
from emu.boot.layout import BootLayout
from emu.boot.platform import platform_text
from emu.errors import PlatformError
from tests.boot.test_loader import memory
from tests.boot.tiny_shim import at_rest, layout_of, places, platform_with

ALL = """
[openhcl]
memory_allocation_mode = "vtl2"
memory_size = 0x400_0000
mmio_size = 0x800_0000
vtl0_alias_map = 0x80_0000_0000
entropy = 64
keep_alive = "nvme"
device_dma = 512
bootargs = "console=ttyS2 x=1"
command_line_policy = "append"
"""


def tree(layout: BootLayout) -> fdt.FDT:
    """The host's tree as another library reads it."""
    region = places(layout)["parameter region"][0]
    return fdt.parse_dtb(memory(layout, region + 0x28000, 0x40000))


def u64(found: fdt.FDT, path: str, name: str) -> int:
    """A property of two cells."""
    high, low = found.get_property(name, path).data
    return int(high) << 32 | int(low)


def test_all_that_is_told_has_the_names_and_widths_of_the_parser() -> None:
    found = tree(layout_of("nop", platform_with("none", ALL), seed=7))
    mode = found.get_property("memory-allocation-mode", "/openhcl")
    assert mode.value == "vtl2"
    assert u64(found, "/openhcl", "memory-size") == 64 << 20
    assert u64(found, "/openhcl", "mmio-size") == 128 << 20
    assert u64(found, "/openhcl", "vtl0-alias-map") == 1 << 39
    assert found.get_property("device-types", "/openhcl/keep-alive").value == "nvme"
    assert u64(found, "/openhcl/device-dma", "total-pages") == 512
    assert found.get_property("bootargs", "/chosen").value == "console=ttyS2 x=1"


def entropy(seed: int) -> bytes:
    """What stands in /openhcl/entropy."""
    found = tree(layout_of("nop", platform_with("none", ALL), seed=seed))
    return b"".join(
        struct.pack(">I", cell) for cell in found.get_property("reg", "/openhcl/entropy").data
    )


def test_entropy_is_of_the_seed() -> None:
    assert len(entropy(1)) == 64
    assert entropy(1) == entropy(1) != entropy(2)


def test_nothing_is_told_that_nobody_asked_for() -> None:
    found = tree(layout_of("nop", platform_with("none", "")))
    node = found.get_node("/openhcl")
    assert [one.name for one in node.props] == ["memory-allocation-mode"]
    assert not node.nodes and not found.exist_node("/chosen")


@pytest.mark.parametrize(("policy", "number"), [("static", 0), ("append", 1)])
def test_the_policy_stands_before_the_command_line(policy: str, number: int) -> None:
    text = f'[openhcl]\ncommand_line_policy = "{policy}"\n'
    layout = layout_of("nop", platform_with("none", text), cmdline="quiet")
    at = places(layout)["command line"][0]
    assert memory(layout, at, 9) == struct.pack("<HH", number, 5) + b"quiet"


@pytest.mark.parametrize("name", ["none", "vbs", "tdx"])
def test_the_sample_boots_with_all_of_it(name: str, tmp_path: Path) -> None:
    place = tmp_path / "all.toml"
    place.write_text(platform_text(name) + ALL)
    assert str(open_session(platform=str(place)).do("run").outcome) == "booted"


KEPT = b"OHCLPHDR" + struct.pack("<QQQ", 0x800_1000, 0x1000, 64)
"""PersistedStateHeader: magic, base and bytes of the region, bytes used (contract, 2.7)."""
READS = """
start:
    lea rbx, [rip + start]
    lea rbp, [rbx + rsi]
    mov rdi, [rbp + 0xb0]
    add rdi, rbx
    mov rsi, [rdi]
    mov rdi, [rdi + 8]
    hlt
"""


def test_a_shim_finds_what_was_kept_where_it_is_told() -> None:
    platform = platform_with("none", "", cpus=1)
    board = at_rest(READS, platform, persisted=KEPT).machine.board
    assert board.cpus[0].registers.get("rsi") == 0x524448504C43484F
    assert board.cpus[0].registers.get("rdi") == 0x800_1000
    fresh = at_rest(READS, platform).machine.board
    assert fresh.cpus[0].registers.get("rsi") == 0


def test_what_cannot_be_kept_is_said() -> None:
    with pytest.raises(PlatformError, match=r"^--persisted: on platform tdx nothing is kept: "):
        layout_of("nop", platform_with("tdx", ""), persisted=KEPT)
    with pytest.raises(PlatformError, match=r"^--persisted: 2,097,153 bytes, 2,097,152 fit"):
        layout_of("nop", platform_with("none", ""), persisted=bytes((2 << 20) + 1))


WRONG = [
    ("memory_size = 4096", "openhcl.memory_size must be left out unless memory_allocation_mod"),
    ('memory_allocation_mode = "vtl2"\nmmio_size = 1', "openhcl.mmio_size must be whole pages"),
    (
        'memory_allocation_mode = "vtl1"',
        "openhcl.memory_allocation_mode must be one of host, v",
    ),
    ("entropy = 257", "openhcl.entropy must be a whole number from 0 to 256"),
    ('keep_alive = "a\\nb"', "openhcl.keep_alive must be one line of text of less than 256"),
    ("device_dma = -1", "openhcl.device_dma must be a whole number from 0 to 1,048,576"),
    (
        'command_line_policy = "all"',
        "openhcl.command_line_policy must be one of static, append",
    ),
    ("page_hashes = 1", "openhcl.page_hashes must be true or false"),
    ("vtl = 1", "openhcl.vtl must be 0 or 2, got 1"),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_what_cannot_be_is_said_with_its_key(text: str, expected: str) -> None:
    with pytest.raises(PlatformError) as error:
        platform_with("none", f"[openhcl]\n{text}\n")
    assert str(error.value).startswith(f"none.toml: {expected}")
