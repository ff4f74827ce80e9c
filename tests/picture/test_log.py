"""The log as people see it: equal rows folded, lines of text joined, filters that say what they
hide; the log itself keeps everything."""

from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from emu import Session, open_session
from emu.machine.event import Event
from emu.machine.logs import EventLog
from emu.picture.filters import has_words
from emu.picture.log import Matches, look_of
from emu.picture.log_views import LogLook
from tests.guest import boot

KINDS = ("fault", "state")
TEXTS = ("#PF Reading a", "#PF reading b", "starts")
events = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(KINDS), st.sampled_from(TEXTS)), max_size=60
)
looks = st.builds(
    LogLook, st.none() | st.integers(0, 2),
    st.sampled_from((frozenset[str](), frozenset({"fault"}))),
    st.sampled_from(("", "reading", "a READING", "nowhere")),
)  # fmt: skip


def logged(entries: list[tuple[int, str, str]]) -> EventLog:
    log = EventLog()
    for tick, (cpu, kind, text) in enumerate(entries):
        log.append(Event(tick, tick, cpu, kind, text))  # type: ignore[arg-type]
    return log


@settings(max_examples=300)
@given(events, looks, st.integers(0, 60), st.integers(1, 30))
def test_rows_are_runs_of_what_a_filter_keeps_whenever_it_is_looked_at(
    entries: list[tuple[int, str, str]], look: LogLook, middle: int, most: int
) -> None:
    log = logged(entries[:middle])
    found = Matches(look, log)
    found.view(look, most)
    for tick, (cpu, kind, text) in enumerate(entries[middle:], start=len(log)):
        log.append(Event(tick, tick, cpu, kind, text))  # type: ignore[arg-type]
    for now in (len(log), middle // 2, len(log)):
        log.now = min(now, len(entries))
        view = found.view(look, 1 << 30)
        kept = [one for one in log if look.keeps(one)]
        runs = [list(run) for _, run in
                groupby(kept, key=lambda one: (one.cpu, one.kind, one.text))]  # fmt: skip
        assert [(row.tick, row.last_tick, row.count, row.text) for row in view.rows] == [
            (run[0].tick, run[-1].tick, len(run), run[0].text) for run in runs
        ]
        assert (view.kept, view.total, view.searched) == (len(kept), log.now, log.now)
        every = found.view(replace(look, all=True), 1 << 30)
        assert [row.tick for row in every.rows] == [one.tick for one in kept]


@settings(max_examples=200)
@given(events, looks, st.sets(st.integers(0, 59), max_size=4))
def test_open_rows_have_their_events_below_them(
    entries: list[tuple[int, str, str]], look: LogLook, open_: set[int]
) -> None:
    log = logged(entries)
    found = Matches(look, log)
    folded = list(found.view(look, 1 << 30).rows)
    opened = list(found.view(replace(look, open=frozenset(open_)), 1 << 30).rows)
    wanted: list[tuple[int, int, bool]] = []
    kept = [one.tick for one in log if look.keeps(one)]
    for row in folded:
        wanted.append((row.tick, row.count, False))
        if row.tick in open_ and row.count > 1:
            inside = kept[kept.index(row.tick) : kept.index(row.last_tick) + 1]
            wanted += [(tick, 1, True) for tick in inside]
    assert [(row.tick, row.count, row.member) for row in opened] == wanted


@pytest.mark.parametrize(("text", "words", "has"), [
    ("hypercall StartVirtualProcessor", "virtual HYPERcall", True),
    ("hypercall StartVirtualProcessor", "virtual tdcall", False),
    ("anything", "", True),
])  # fmt: skip
def test_words_are_anded_in_any_case(text: str, words: str, has: bool) -> None:
    assert has_words(text, words) == has


LOOP = """
start:
    mov ecx, 615
again:
    mov rax, [0x40]         # no leaf: #PF
    dec ecx
    jnz again
    hlt
handler14:
    add qword ptr [rsp + 8], 8
    add rsp, 8
    iretq
"""
POLLS = """
start:
    lea rsi, [rip + text]
next:
    mov dx, 0x3fd
    in al, dx
    test al, 0x20
    jz next
    lodsb
    mov dx, 0x3f8
    out dx, al
    cmp al, 10
    jne next
    hlt
text:
    .ascii "Linux version 6.9 \\033[31m\\n"
"""


def faulted() -> Session:
    session = boot(LOOP)
    session.do("run")
    return session


def test_615_equal_faults_are_one_row_with_its_first_and_last_tick() -> None:
    session = faulted()
    log = session.machine.board.logs.events
    assert sum("#PF" in one.text for one in log) == 615
    *_, row, _, told = session.do("events").reply
    ticks = [one.tick for one in log if "#PF" in one.text]
    assert row.startswith(f"{ticks[0]:>11,}  cpu 0   fault     #PF reading 0x40")
    assert row.endswith(f"615 times, to tick {ticks[-1]:,}")
    assert told.endswith(" rows")


def test_a_folded_row_is_opened_and_closed_again() -> None:
    session = faulted()
    first = next(one.tick for one in session.machine.board.logs.events if "#PF" in one.text)
    folded = session.do("events").reply
    opened = session.do(f"events unfold {first}").reply
    assert len(opened) == len(folded) + 615
    assert session.do(f"events unfold {first:,}").reply == folded
    assert len(session.do("events unfold").reply) == len(folded) + 614
    assert session.do("events unfold").reply == folded


def test_bytes_on_their_way_to_a_port_are_a_line_and_move_no_terminal() -> None:
    session = boot(POLLS)
    session.do("run")
    row, _, told = session.do("exits").reply
    words = "COM1 'Linux version 6.9 \\x1b[31m' 24 bytes, 24 looks at the line status"
    assert words in row
    assert told == "49 of 49 events, in 2 rows"
    assert "49" not in session.do("exits linux VERSION").reply[-1].partition(" of ")[0]


def test_both_logs_say_what_a_filter_hides() -> None:
    session = boot(POLLS)
    session.do("run")
    assert session.do("exits linux VERSION").reply[-1] == (
        "48 of 49 events, 1 hidden by 'linux VERSION', in 1 row"
    )
    every = len(session.machine.board.logs.events)
    assert session.do("events virtual").reply == (
        f"0 of {every} events, {every} hidden by 'virtual'",
    )


def test_a_new_filter_folds_again_and_unfold_keeps_the_filter() -> None:
    look = look_of(["cpu", "2", "fault", "some", "words"], LogLook())
    opened = look_of(["unfold", "1,234"], look)
    assert opened == replace(look, open=frozenset({1234}))
    assert opened.words == look.words
    assert look_of(["unfold", "1234"], opened) == look
    assert look_of(["unfold"], opened) == replace(look, all=True)
    assert look_of(["fault"], opened) == LogLook(kinds=frozenset({"fault"}))


def test_ranges_of_tables_are_filtered_by_all_their_words_in_any_case() -> None:
    session = open_session(platform="tdx", cpus=2)
    session.do("until mailbox_ack")
    every = session.do("tables").reply
    (mailbox,) = (row for row in every if "mailbox_page" in row)
    assert [row for row in session.do("tables x MAILbox").reply if row in every[1:]] == [
        mailbox
    ]
    assert mailbox not in session.do("tables w mailbox").reply
