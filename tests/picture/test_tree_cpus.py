"""The tree's CPUs beside the machine's: order, ids and what is missing."""

import pytest

from emu import Session, open_session
from emu.picture.sections import DtbLook
from emu.picture.tree import dtb_view


def told(session: Session) -> list[str]:
    """The rows as `dtb cpus` prints them, without the heading."""
    return list(session.do("dtb cpus").reply[1:])


def handed_over() -> Session:
    """The kernel has its tree, whose values can be set by name."""
    session = open_session(cpus=3)
    session.do("until kernel_start")
    return session


def test_a_tree_that_fits_has_no_marks() -> None:
    assert told(open_session(cpus=3)) == [
        "  /cpus/cpu@1 = reg 0x0: cpu 0",
        "  /cpus/cpu@2 = reg 0x1: cpu 1",
        "  /cpus/cpu@3 = reg 0x2: cpu 2",
    ]


def test_nodes_in_another_order_are_marked() -> None:
    """microsoft/openvmm #572, nanovms/nanos #2150: who counts nodes wakes another CPU."""
    session = handed_over()
    session.do("set dtb:/cpus/cpu@2/reg=2")
    session.do("set dtb:/cpus/cpu@3/reg=1")
    assert told(session)[1:] == [
        "~ /cpus/cpu@2 = reg 0x2: cpu 2, not 1 as nodes are counted",
        "~ /cpus/cpu@3 = reg 0x1: cpu 1, not 2 as nodes are counted",
    ]


def test_ids_that_nobody_has_and_cpus_that_no_node_names_are_marked() -> None:
    session = handed_over()
    session.do("set dtb:/cpus/cpu@3/reg=9")
    assert told(session)[2:] == [
        "- /cpus/cpu@3 = reg 0x9: no CPU of the machine has this APIC id",
        "+ cpu 2 = APIC id 0x2: no node names it",
    ]


def test_an_id_that_stands_twice_is_marked() -> None:
    session = open_session(cpus=3)
    session.do("inject host-tree duplicate-id")
    assert [row[0] for row in told(session)] == ["~", " ", "~", "+"]
    assert "2 times in the tree" in told(session)[0]


def test_ids_that_are_not_numbers_in_a_row_are_no_mismatch() -> None:
    session = open_session(platform="samples/gallery/sparse-ids.toml")
    assert all(row.startswith("  ") for row in told(session))


@pytest.mark.parametrize("where", ["power-on", "kernel"])
def test_a_row_says_where_its_bytes_lie(where: str) -> None:
    session = open_session(cpus=2)
    if where == "kernel":
        session.do("until kernel_start")
    view = dtb_view(session.machine, DtbLook("cpus"))
    for row, cpu in zip(view.rows, session.machine.board.cpus, strict=True):
        data = session.memory(f"gpa:{row.gpa:#x}", row.size)
        assert int.from_bytes(bytes(one or 0 for one in data), "big") == cpu.apic_id
