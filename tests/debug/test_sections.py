"""What the rooms show, held against the machine: ranges against walks, bytes against memory,
trees whole and broken, logs long and short."""

import random
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from emu import Session, open_session
from emu.errors import CommandError
from emu.hw import paging
from emu.hw.address import Gpa
from emu.hw.nested_walk import walk_nested
from emu.machine.event import Event
from emu.machine.log import CHUNK, Log
from emu.machine.logs import EventLog
from emu.picture import log, memory, nested, tables, tree, walk
from emu.picture.log import Matches
from emu.picture.log_views import LogLook
from emu.picture.mapped import nested_ranges, ranges

PLATFORMS = ("tdx", "vbs", "sipi", "none")


@lru_cache
def stopped(platform: str) -> Session:
    """Three CPUs, the first AP about to acknowledge its wake-up."""
    session = open_session(platform=platform, cpus=3)
    session.do("until mailbox_ack")
    return session


@settings(max_examples=200)
@given(platform=st.sampled_from(PLATFORMS), cpu=st.integers(0, 1), seed=st.integers(0, 1 << 30))
def test_ranges_say_what_a_walk_finds(platform: str, cpu: int, seed: int) -> None:
    machine = stopped(platform).machine
    context = machine.board.cpus[cpu].registers
    dice = random.Random(seed)
    found = ranges(machine, context)
    one = dice.choice(found)
    inside = one.gva + dice.randrange(one.size)
    got = paging.walk_context(machine.board.memory, machine.board.npt, context, inside)
    assert got.gpa is not None
    assert got.gpa & ~(1 << paging.ALIAS_BIT) & ~(1 << 47) == one.gpa + inside - one.gva
    outside = dice.randrange(1 << 47)
    mapped = any(r.gva <= outside < r.gva + r.size for r in found)
    missed = paging.walk_context(machine.board.memory, machine.board.npt, context, outside)
    assert (missed.page_bytes > 0) == mapped


@settings(max_examples=200)
@given(platform=st.sampled_from(PLATFORMS), seed=st.integers(0, 1 << 30))
def test_nested_ranges_say_what_a_nested_walk_finds(platform: str, seed: int) -> None:
    machine = stopped(platform).machine
    dice = random.Random(seed)
    one = dice.choice(nested_ranges(machine))
    gpa = one.gpa + dice.randrange(one.size)
    view = gpa | machine.board.shared_alias if one.shared_view else gpa
    found = walk_nested(machine.board.memory, machine.board.npt.model_root, Gpa(view))
    assert found.hpa == (None if one.hpa is None else one.hpa + gpa - one.gpa)
    assert machine.board.ram.state(Gpa(gpa)) == one.state


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_tree_opens_along_a_path_and_holds_all_of_the_ranges(platform: str) -> None:
    session = stopped(platform)
    cpu = session.machine.board.cpus[1]
    view = tables.tables_view(session.machine, cpu, tables.look_of(("tree", "rip")))
    path = [row for row in view.rows if row.open]
    assert [row.name.partition("[")[0] for row in path] == ["L4", "L3", "L2"]
    assert any(row.leaf and row.depth == 3 for row in view.rows)
    closed = tables.tables_view(session.machine, cpu, tables.look_of(("tree", "rip", "root")))
    assert len(closed.rows) < len(view.rows) and not any(row.open for row in closed.rows)


def test_two_cpus_tables_differ_by_what_only_one_of_them_maps() -> None:
    session = stopped("tdx")
    first = session.do("cpu 0")
    assert first.focus == 0
    found = session.do("tables diff 1").reply
    mine = {one.gva for one in ranges(session.machine, session.machine.board.cpus[0].registers)}
    assert all(line.startswith(("+ ", "- ", "cpu 0")) for line in found)
    assert any(
        line.startswith("+ ") and int(line[2:].split(".")[0], 0) in mine for line in found
    )
    assert "  the tables are equal" in session.do("tables diff 0").reply


def test_a_filter_is_an_address_or_a_right() -> None:
    session = stopped("tdx")
    session.do("cpu 1")
    assert all("rw" in line for line in session.do("tables w").reply[1:])
    (_, only) = session.do("tables 0xfffff100").reply
    assert "mailbox_page" in only
    assert "nothing matches" in session.do("tables rwx").reply[1]


def test_memory_is_shown_in_three_spaces_with_the_same_bytes() -> None:
    session = stopped("tdx")
    machine, cpu = session.machine, session.machine.board.cpus[1]
    gva = cpu.registers.get("rsp")
    gpa = machine.board.virtual.gpa(cpu.registers, gva)
    hpa = None if gpa is None else machine.board.ram.hpa(gpa)
    views = [
        memory.memory_view(machine, cpu, memory.look_of(f"{space}:{place:#x}", ""), {})
        for space, place in (("gva", gva), ("gpa", gpa or 0), ("hpa", hpa or 0))
    ]
    assert len({view.data[:64] for view in views}) == 1
    assert None in views[0].data and None not in views[2].data


def test_a_struct_the_mailbox_a_table_and_a_vmcb_are_decoded() -> None:
    session = stopped("tdx")
    session.do("cpu 1")
    reply = session.do("mem gpa:gpa:ap_records as ap_record").reply
    assert any("state" in line and "AP_" in line for line in reply)
    reply = session.do("mem gpa:0xfffff000 as mailbox").reply
    assert any("command" in line and "Wakeup" in line for line in reply)
    cr3 = session.machine.board.cpus[1].registers.get("cr3")
    reply = session.do(f"mem gpa:{cr3:#x} as table").reply
    assert any("[000]" in line and "P W" in line for line in reply)
    reply = session.do(f"mem hpa:{session.machine.board.cpus[1].vmcb:#x} as vmcb").reply
    root = f"{session.machine.board.npt.root:#x}"
    assert any("nested cr3" in line and root in line for line in reply)


@settings(max_examples=60)
@given(seed=st.integers(0, 1 << 30), size=st.integers(1, 40))
def test_what_is_in_memory_is_found_at_the_first_place(seed: int, size: int) -> None:
    session = stopped("sipi")
    machine, cpu = session.machine, session.machine.board.cpus[0]
    base, length = 0x8400000, 0x20000
    data = machine.board.ram.guest_bytes(base, length) or b""
    dice = random.Random(seed)
    at = dice.randrange(1, length - size)
    wanted = data[at : at + size]
    found = memory.find(machine, cpu, memory.look_of(f"gpa:{base:#x}", ""), wanted)
    assert found == base + data.find(wanted, 1)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [('"ab"', b"ab"), ("0x1234", b"\x34\x12"), ("de ad", b"\xde\xad"), ("0x0", b"\0")],
)
def test_patterns(text: str, wanted: bytes) -> None:
    assert memory.pattern(text) == wanted


@settings(max_examples=150)
@given(at=st.integers(0, 1_200), byte=st.integers(0, 255))
def test_a_broken_tree_is_shown_up_to_where_it_breaks(at: int, byte: int) -> None:
    session = _with_tree()
    machine = session.machine
    gpa = machine.board.layout.host_dtb_gpa
    hpa = machine.board.ram.hpa(gpa + at)
    assert hpa is not None
    before = machine.board.memory.read(hpa, 1)
    machine.board.memory.write(hpa, bytes([byte]))
    try:
        view = tree.dtb_view(machine, tree.look_of(("host",)))
        assert view.problem or view.broken or view.rows
        assert all(gpa <= row.gpa < gpa + 8192 for row in view.rows)
    finally:
        machine.board.memory.write(hpa, before)


@lru_cache
def _with_tree() -> Session:
    return open_session(platform="vbs", cpus=2)


def test_the_tree_of_the_kernel_is_typed_and_checked() -> None:
    session = stopped("tdx")
    view = tree.dtb_view(session.machine, tree.look_of(()))
    assert view.which == "kernel" and not view.checks and not view.broken
    rows = {row.path: row for row in view.rows}
    mailbox = rows["/reserved-memory/wakeup_table@fffff000/reg"]
    assert mailbox.value == "0xfffff000..0xffffffff" and mailbox.targets == (0xFFFFF000,)
    assert rows["/cpus/cpu@1/device_type"].value == '"cpu"'
    session = open_session(platform="tdx", cpus=3)
    session.do("until mailbox_ack")
    session.do("set dtb:/reserved-memory/#size-cells=3")
    view = tree.dtb_view(session.machine, tree.look_of(()))
    assert any("has no reg of 2+3 cells" in check for check in view.checks)


def test_the_walk_of_a_cpu_that_has_not_started_is_a_sentence() -> None:
    session = open_session(cpus=2)
    view = walk.walk_view(session.machine, session.machine.board.cpus[1], walk.WalkLook())
    assert view.walk is None and "has not started" in view.problem
    with pytest.raises(CommandError):
        walk.lines(view)


def test_a_page_says_when_it_was_written_last() -> None:
    session = stopped("tdx")
    view = nested.nested_view(
        session.machine, session.timeline, nested.NestedLook("0xfffff000")
    )
    assert view.page is not None and view.page.written is not None
    first, last = view.page.written
    (line,) = session.do("last-writer gpa:0xfffff000/4096").reply
    tick = int(line.rpartition("tick ")[2].replace(",", ""))
    assert first < tick <= last


# -- logs -------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    moves=st.lists(st.tuples(st.integers(0, 3 * CHUNK), st.integers(0, 3 * CHUNK)), max_size=6)
)
def test_a_log_is_a_list_that_goes_back_and_on(moves: list[tuple[int, int]]) -> None:
    found: Log[int] = Log()
    plain: list[int] = []
    for more, back in moves:
        for _ in range(more):
            found.append(found.now)
            plain.append(len(plain))
        assert len(found) == len(plain) and found[-5:] == plain[-5:]
        copy = found.copy()
        assert len(copy) == len(plain) and list(copy[:3]) == plain[:3]
        found.now = min(back, len(plain))
        del plain[found.now :]
    assert list(found) == plain


def test_a_filter_is_held_against_a_long_log_bit_by_bit() -> None:
    events = EventLog()
    for index in range(5_000):
        events.append(Event(index, index, index % 4, "state", f"event {index % 7}"))
    found = Matches(LogLook(cpu=2, text="event 3"), events)
    view = found.view(found.look, 1_000)
    assert view.searched == 1_000 and 0 < len(view.rows) < 1_000
    for _ in range(4):
        view = found.view(found.look, 1_000)
    wanted = [e for e in events if e.cpu == 2 and e.text == "event 3"]
    every = replace(found.look, all=True)
    assert view.searched == view.total == 5_000 and view.kept == len(wanted)
    assert [row.tick for row in found.view(every).rows] == [e.tick for e in wanted]
    events.now = 100
    ticks = [row.tick for row in found.view(every).rows]
    assert ticks == [e.tick for e in wanted if e.tick < 100]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("", LogLook()),
        ("cpu 2 mailbox", LogLook(2, frozenset({"mailbox"}))),
        ("fault milestone", LogLook(None, frozenset({"fault", "milestone"}))),
        ("some text", LogLook(text="some text")),
    ],
)
def test_the_words_of_a_filter(words: str, wanted: LogLook) -> None:
    assert log.look_of(words.split(), LogLook()) == wanted
    assert log.look_of(wanted.words.split(), LogLook()) == wanted


@pytest.mark.parametrize("platform", PLATFORMS)
def test_exits_are_logged_one_by_one_and_counted(platform: str) -> None:
    session = open_session(platform=platform, cpus=2)
    session.do("run")
    counts = session.machine.board.exit_counts
    assert sum(counts.values()) == len(session.machine.board.logs.exits)
    assert session.do("exits cpuid").reply[-1].startswith(f"{counts['cpuid']:,} of ")
    session.do("goto 50%")
    assert sum(session.machine.board.exit_counts.values()) == len(
        session.machine.board.logs.exits
    )
