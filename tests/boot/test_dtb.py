"""The host's tree says what openhcl_boot's parser asks for, and any blob can be read."""

import struct
import time

import fdt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.boot.dtb import DEPTH_MAX, Tree, host_tree, read_tree, wakeup_mailbox_problems
from emu.boot.platform import CPUS_MAX
from emu.hw.address import RESET_PAGE
from tests.platforms import load_platform

BASE, SIZE = 0x800_0000, 64 << 20
TREE_BYTES_MAX = 256 << 10
"""The window for the tree in the parameter region."""


def blob(cpus: int = 4, name: str = "tdx", bootargs: str = "", low: int = 0) -> bytes:
    """The host's tree of a packaged platform."""
    ram = (*(((0, low),) if low else ()), (BASE, SIZE), (RESET_PAGE, 0x1000))
    return host_tree(
        load_platform(name, cpus=cpus), ram=ram, vtl2_start=BASE, vtl2_bytes=SIZE,
        bootargs=bootargs,
    )  # fmt: skip


def cells(tree: Tree, path: str, name: str) -> tuple[int, ...]:
    """A property's cells; the test fails where there is none."""
    node = tree.find(path)
    assert node is not None, path
    found = node.get(name)
    assert found is not None, name
    return found.cells


@pytest.mark.parametrize("name", ["none", "sipi", "tdx", "vbs"])
def test_the_host_tree_has_what_the_shim_requires(name: str) -> None:
    tree = read_tree(blob(name=name, bootargs="one two"))
    assert tree.broken == ""
    assert tree.reservations == ()
    assert cells(tree, "/cpus", "#address-cells") == (1,)
    assert cells(tree, f"/memory@{BASE:x}", "reg") == (0, BASE, 0, SIZE)
    assert cells(tree, f"/memory@{BASE:x}", "microsoft,igvm-type") == (3,)
    assert cells(tree, "/bus/vmbus-vtl0", "microsoft,vtl") == (0,)
    assert cells(tree, "/bus/vmbus-vtl2", "microsoft,vtl") == (2,)
    assert len(cells(tree, "/bus/vmbus-vtl0", "ranges")) == 12
    assert cells(tree, "/bus", "ranges") == ()
    assert cells(tree, "/pio-bus/serial@3e8", "reg") == (0, 0x3E8, 0, 8)
    assert cells(tree, "/pio-bus/serial@3e8", "current-speed") == (115_200,)
    chosen = tree.find("/chosen")
    assert chosen is not None and chosen.properties[0].text == "one two"


def test_the_cpus_stand_in_vp_order_under_their_apic_ids() -> None:
    platform = load_platform("vbs", cpus=300)
    cpus = read_tree(blob(cpus=300, name="vbs")).find("/cpus")
    assert cpus is not None
    found = [(n.get("reg"), n.get("status"), n.get("numa-node-id")) for n in cpus.children]
    assert all(reg and status and node for reg, status, node in found)
    assert [reg.cells[0] for reg, _, _ in found if reg] == list(platform.apic_ids)
    assert {status.text for _, status, _ in found if status} == {"okay"}
    assert {node.cells for _, _, node in found if node} == {(0,)}


def test_memory_outside_vtl_2_is_plain_and_the_reset_page_is_no_memory() -> None:
    tree = read_tree(blob(low=640 << 10))
    assert cells(tree, "/memory@0", "microsoft,igvm-type") == (0,)
    assert cells(tree, "/memory@0", "reg") == (0, 0, 0, 640 << 10)
    assert tree.find(f"/memory@{RESET_PAGE:x}") is None


def test_the_fdt_package_reads_the_same_tree() -> None:
    other = fdt.parse_dtb(blob(cpus=3))
    assert [node.name for node in other.get_node("/cpus").nodes] == ["cpu@1", "cpu@2", "cpu@3"]
    assert other.get_property("reg", f"/memory@{BASE:x}").data == [0, BASE, 0, SIZE]
    assert (other.header.version, other.header.last_comp_version) == (17, 16)


def test_2048_cpus_fit_the_window_and_take_no_second() -> None:
    before = time.process_time()
    data = blob(cpus=CPUS_MAX)
    assert time.process_time() - before < 1
    assert len(data) <= TREE_BYTES_MAX
    cpus = read_tree(data).find("/cpus")
    assert cpus is not None and len(cpus.children) == CPUS_MAX


def test_offsets_lead_to_the_values() -> None:
    data = blob()
    for node, _ in read_tree(data).all():
        assert data[node.offset : node.offset + 4] == b"\0\0\0\1"
        for item in node.properties:
            assert data[item.offset : item.offset + len(item.value)] == item.value


# -- broken blobs -----------------------------------------------------------------------------

WHOLE = blob()


def test_a_cut_blob_shows_what_lies_before_the_cut() -> None:
    tree = read_tree(WHOLE[:400])
    assert tree.broken == f"total size {len(WHOLE)} is beyond the 400 bytes"
    cpus = tree.find("/cpus")
    assert cpus is not None and cpus.children
    assert tree.find("/openhcl") is None


def test_lost_names_of_properties_leave_their_values() -> None:
    broken = bytearray(WHOLE)
    struct.pack_into(">I", broken, 32, 0)
    tree = read_tree(bytes(broken))
    assert tree.broken == "offset 0x40: a property's name lies outside the strings"
    assert tree.root is not None
    assert [(p.name, p.cells) for p in tree.root.properties] == [("?0x0", (2,)), ("?0xf", (2,))]
    assert len(tree.all()) == len(read_tree(WHOLE).all())


def test_a_bad_token_is_named_with_its_offset() -> None:
    node = read_tree(WHOLE).find("/bus")
    assert node is not None
    broken = bytearray(WHOLE)
    struct.pack_into(">I", broken, node.offset, 77)
    tree = read_tree(bytes(broken))
    assert tree.broken == f"offset {node.offset:#x}: token 0x4d cannot stand here"
    assert tree.find(f"/memory@{BASE:x}") is not None


@pytest.mark.parametrize(
    ("offset", "value", "expected"),
    [
        (0, 0xEDFE0DD0, "offset 0: the magic is 0xedfe0dd0, not 0xd00dfeed"),
        (4, 1 << 20, f"total size 1048576 is beyond the {len(WHOLE)} bytes"),
        (20, 3, "version 3 is below 17"),
        (16, len(WHOLE), f"offset {len(WHOLE):#x}: the reservation block does not end"),
        (8, 0x39, "offset 0x39: the structure block is not 4-byte aligned"),
        (36, 8, "offset 0x40: the structure block is cut off"),
    ],
)
def test_a_wrong_header_is_told(offset: int, value: int, expected: str) -> None:
    broken = bytearray(WHOLE)
    struct.pack_into(">I", broken, offset, value)
    assert read_tree(bytes(broken)).broken == expected


@given(st.binary(max_size=200))
def test_any_bytes_are_survived(data: bytes) -> None:
    assert read_tree(data).broken
    read_tree(WHOLE[:40] + data)


@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=8),
    st.integers(0, len(WHOLE)),
)
def test_flipped_bytes_and_cuts_are_survived(flips: list[tuple[int, int]], length: int) -> None:
    broken = bytearray(WHOLE)
    for place, value in flips:
        broken[place] = value
    for data in (bytes(broken), bytes(broken[:length])):
        tree = read_tree(data)
        for node, _ in tree.all():
            for item in node.properties:
                assert item.cells is not None and item.text is not None
        wakeup_mailbox_problems(tree)


def test_a_tree_without_an_end_of_depth_is_cut() -> None:
    nodes = b"\0\0\0\1\0\0\0\0" * 100_000
    head = struct.pack(
        ">10I", 0xD00DFEED, 56 + len(nodes), 56, 56, 40, 17, 16, 0, 0, len(nodes)
    )
    tree = read_tree(head + bytes(16) + nodes)
    assert "deeper" in tree.broken
    assert len(tree.all()) == DEPTH_MAX


# -- the wake-up mailbox ----------------------------------------------------------------------


def mailbox_tree(
    *reg: int,
    parent: str = "reserved-memory",
    compatible: str = "intel,wakeup-mailbox",
    nodes: int = 1,
) -> Tree:
    """A tree with mailbox nodes as the shim writes them: addresses of 2 cells, sizes of 1."""
    root = fdt.Node("")
    above = fdt.Node(parent)
    above.append(fdt.PropWords("#address-cells", 2))
    above.append(fdt.PropWords("#size-cells", 1))
    for number in range(nodes):
        node = fdt.Node(f"wakeup_table@{number:x}")
        node.append(fdt.PropStrings("compatible", compatible))
        if reg:
            node.append(fdt.PropWords("reg", *reg))
        above.append(node)
    root.append(above)
    tree = fdt.FDT()
    tree.root = root
    return read_tree(tree.to_dtb(17))


def test_the_binding_as_it_should_be_has_no_problem() -> None:
    assert wakeup_mailbox_problems(mailbox_tree(0, 0xFFFFF000, 0x1000)) == ()


def test_what_linux_would_refuse_is_told() -> None:
    assert wakeup_mailbox_problems(mailbox_tree(0, 0x8000800, 0x2000)) == (
        "wakeup_table@0: 0x8000800 is not 4 KiB aligned",
        "wakeup_table@0: 0x2000 bytes, not 0x1000",
    )
    assert wakeup_mailbox_problems(mailbox_tree(0xFFFFF000, 0x1000)) == (
        "wakeup_table@0 has no reg of 2+1 cells",
    )
    assert wakeup_mailbox_problems(mailbox_tree()) == (
        "wakeup_table@0 has no reg of 2+1 cells",
    )
    assert wakeup_mailbox_problems(mailbox_tree(0, 0, 0x1000, parent="firmware")) == (
        "wakeup_table@0 is no child of /reserved-memory",
    )
    assert wakeup_mailbox_problems(mailbox_tree(0, 0, 0x1000, compatible="intel,mailbox")) == (
        "no node is compatible with intel,wakeup-mailbox",
    )
    assert wakeup_mailbox_problems(mailbox_tree(0, 0, 0x1000, nodes=2)) == (
        "2 nodes are compatible with intel,wakeup-mailbox",
    )


def test_an_unreadable_tree_has_no_mailbox() -> None:
    assert wakeup_mailbox_problems(read_tree(b"")) == (
        "the tree cannot be read: 0 bytes are no header of 40",
    )


def test_what_is_reserved_in_a_tree_that_was_read_is_in_no_other() -> None:
    before = blob()
    other = fdt.FDT(entries=[])
    other.add_item(fdt.PropWords("reg", 1), "/memory", create=True)
    written = bytearray(other.to_dtb(version=17))
    at = int.from_bytes(written[16:20], "big")
    reserved = struct.pack(">QQ", 0x1000, 0x2000)
    for place in (4, 8, 12):  # totalsize, off_dt_struct, off_dt_strings
        moved = int.from_bytes(written[place : place + 4], "big") + len(reserved)
        written[place : place + 4] = moved.to_bytes(4, "big")
    fdt.parse_dtb(bytes(written[:at] + reserved + written[at:]))
    assert blob() == before
