"""Memory as one map. The types are those of openvmm, `vm/loader/loader_defs/src/shim.rs`
(MemoryVtlType), igvm, `igvm_defs/src/lib.rs` (MemoryMapEntryType), and Linux,
`arch/x86/include/asm/e820/types.h`."""

import struct

import pytest

from emu import Session
from emu.boot.dtb_nodes import new_node, packed, put, wide
from emu.boot.layout import Region
from tests.guest import BASE, DATA, Guest

VTL_TYPES = (
    "VTL0", "VTL2_RAM", "VTL2_CONFIG", "VTL2_SIDECAR_IMAGE", "VTL2_SIDECAR_NODE", "VTL0_MMIO",
    "VTL2_MMIO", "VTL2_RESERVED", "VTL2_GPA_POOL", "VTL2_TDX_PAGE_TABLES",
    "VTL2_BOOTSHIM_LOG_BUFFER", "VTL2_PERSISTED_STATE_HEADER", "VTL2_PERSISTED_STATE_PROTOBUF",
)  # fmt: skip
IGVM_TYPES = ("MEMORY", "PLATFORM_RESERVED", "PERSISTENT", "VTL2_PROTECTABLE")
E820_TYPES = {
    1: "RAM", 2: "RESERVED", 3: "ACPI", 4: "NVS", 5: "UNUSABLE", 7: "PMEM", 12: "PRAM",
    0xEFFFFFFF: "SOFT_RESERVED",
}  # fmt: skip
PAGE = 0x1000
LOG = BASE + 0x10_0000


def tree() -> bytes:
    """As `openhcl_boot/src/dt.rs` writes it: `/openhcl` has no cells of its own."""
    root = new_node("", __address_cells=[2], __size_cells=[2])
    openhcl = new_node("openhcl", isolation_type="tdx")
    for kind in range(len(VTL_TYPES)):
        node = new_node(f"memory@{kind * PAGE:x}", reg=wide(kind * PAGE, PAGE))
        openhcl.append(node)
        for name, value in (("openhcl,memory-type", kind), ("microsoft,igvm-type", kind % 4)):
            put(node, name, [value])
        put(node, "numa-node-id", [1])
    openhcl.append(new_node("accepted-memory@5000000", reg=wide(0x500_0000, PAGE)))
    root.append(openhcl)
    kept = new_node("reserved-memory", __address_cells=[2], __size_cells=[2], ranges=None)
    kept.append(new_node("firmware@400000", reg=wide(BASE, 2 * PAGE)))
    root.append(kept)
    return packed(root, 0)


def handed_over() -> Session:
    """A guest whose kernel has been entered with boot_params, a tree and an E820 table."""
    session = Guest("hlt", regions=(Region("log", LOG, 2 * PAGE),)).boot()
    machine, blob = session.machine, tree()
    entries = b"".join(
        struct.pack("<QQI", 0x1000_0000 + place * PAGE, PAGE, kind)
        for place, kind in enumerate(E820_TYPES)
    )
    params = bytearray(PAGE)
    params[0x1E8] = len(E820_TYPES)
    struct.pack_into("<Q", params, 0x250, DATA + PAGE)
    params[0x2D0 : 0x2D0 + len(entries)] = entries
    machine.stores.host_write(DATA, bytes(params))
    machine.stores.host_write(DATA + PAGE, struct.pack("<QII", 0, 2, len(blob)) + blob)
    machine.board.boot_params = DATA
    return session


def test_what_the_loader_placed_is_there_from_the_first_tick_on() -> None:
    session = Guest("hlt", regions=(Region("log", LOG, 2 * PAGE),)).boot()
    (row,) = session.do("regions log").reply[:-1]
    assert row.split() == ["0x500000..0x501fff", "8", "KiB", "loader", "log"]


@pytest.mark.parametrize("kind", range(len(VTL_TYPES)))
def test_each_range_of_openhcl_has_the_name_of_its_type(kind: int) -> None:
    session = handed_over()
    session.looks.wanted = frozenset({"regions"})
    found = session.view().sections.regions
    assert found is not None
    (row,) = [one for one in found.rows if one.source == "tree" and one.gpa == kind * PAGE
              and "memreserve" not in one.name]  # fmt: skip
    assert (row.size, row.name, row.more) == (
        PAGE, VTL_TYPES[kind], f"{IGVM_TYPES[kind % 4]}, node 1",
    )  # fmt: skip


def test_accepted_and_reserved_ranges_say_where_they_stand() -> None:
    session = handed_over()
    assert "/openhcl/accepted-memory" in session.do("regions 0x5000000").reply[0]
    assert "/reserved-memory/firmware" in session.do("regions tree firmware").reply[0]


def test_the_e820_table_has_the_names_of_linux() -> None:
    rows = [row.split() for row in handed_over().do("regions E820").reply[:-1]]
    assert [row[-1] for row in rows] == list(E820_TYPES.values())
    assert rows[1][0] == "0x10001000..0x10001fff"


def test_a_range_within_another_stands_below_it() -> None:
    session = Guest(
        "hlt", regions=(Region("inner", LOG + PAGE, PAGE), Region("outer", LOG, 4 * PAGE)),
    ).boot()  # fmt: skip
    session.looks.wanted = frozenset({"regions"})
    found = session.view().sections.regions
    assert found is not None
    told = [(one.name, one.depth) for one in found.rows if one.name in ("inner", "outer")]
    assert told[0][0] == "outer" and told[1] == ("inner", told[0][1] + 1)


def test_words_that_no_range_has_leave_none() -> None:
    session = handed_over()
    every = len(session.do("regions").reply) - 1
    (told,) = session.do("regions nothing such").reply
    assert told.startswith(f"0 of {every} ranges, {every} hidden by 'nothing such'")


def test_the_tree_of_openhcl_is_read_by_its_convention() -> None:
    rows = handed_over().do("dtb kernel /openhcl").reply
    regs = [row for row in rows if row.strip().startswith("reg = ")]
    assert "is not" not in "".join(rows)
    assert regs[9].strip() == "reg = 0x9000..0x9fff"
    kinds = [row.strip() for row in rows if "openhcl,memory-type" in row]
    assert kinds[9] == "openhcl,memory-type = 0x9 (VTL2_TDX_PAGE_TABLES)"
