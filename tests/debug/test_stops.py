"""What stops a run: conditions, counts, logs, reads and writes, exits, modes. None is ever
skipped, whatever the schedule."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from emu import Session, open_session
from emu.debug.session import ENDLESS
from emu.errors import CommandError
from emu.machine.probe import CodeProbe, RegisterProbe
from emu.timeline import search
from tests.shard import breadth

PLACES = ("mailbox_wait", "mailbox_ack", "secondary_start", "secondary_idle", "wake_cpu")


def carry_out(session: Session, words: str) -> bool:
    """`do` without the picture of everything, which costs more than a short run; whether the
    guest can go on."""
    session.begin(words)
    while session.pump(ENDLESS):
        pass
    return session.verdict is None


def stops(session: Session, most: int = 200) -> list[str]:
    """Every reason for which a boot stops before it ends."""
    found: list[str] = []
    for _ in range(most):
        if not carry_out(session, "run"):
            return found
        found += [stop.text for stop in session.stop]
    raise AssertionError("it stops for ever")


def visits(session: Session, place: str) -> list[tuple[int, int]]:
    """(CPU, tick) of each time that a place was executed, once more from the beginning."""
    probe = CodeProbe(frozenset(session.machine.board.layout.symbols.find(place)))
    search.all_accesses(session.timeline, probe)
    return [(visit.cpu, visit.tick) for visit in search.visits(session.timeline, probe)]


@pytest.mark.breadth
@settings(max_examples=25)
@given(
    platform=st.sampled_from(("tdx", "vbs", "sipi", "none")),
    place=st.sampled_from(PLACES),
    cpus=st.integers(2, 5),
    seed=st.integers(0, 1 << 20),
    quantum=st.integers(20, 4_000),
    cpu=st.one_of(st.none(), st.integers(0, 4)),
)
def test_no_breakpoint_is_ever_skipped_whatever_the_schedule(
    platform: str, place: str, cpus: int, seed: int, quantum: int, cpu: int | None
) -> None:
    session = open_session(platform=platform, cpus=cpus)
    session.do(f"schedule random {seed} quantum {quantum}")
    who = cpu if cpu is not None and cpu < cpus else None
    session.do(f"break {place}" + ("" if who is None else f" cpu {who}"))
    seen = []
    while carry_out(session, "run"):
        stop = session.stop[0]
        seen.append(stop.cpu)
        assert stop.text == f"cpu {stop.cpu}: break 1 at {place}"
    # CPUs that sleep in a wait loop pass its places without executing them again.
    wanted = [one for one, _ in visits(session, place) if who in (None, one)]
    assert seen == wanted


@pytest.mark.breadth
@settings(max_examples=12)
@given(
    platform=st.sampled_from(("tdx", "vbs", "sipi")),
    kind=st.sampled_from(("cr3", "cr0", "efer")),
    seed=st.integers(0, 1 << 20),
)
def test_no_change_of_a_register_is_ever_skipped(platform: str, kind: str, seed: int) -> None:
    session = open_session(platform=platform, cpus=3)
    session.do(f"schedule random {seed} quantum 200")
    session.do(f"catch {kind}")
    seen = stops(session)
    probe = RegisterProbe(None, kind)
    search.all_accesses(session.timeline, probe)
    changes = [access for access in probe.found if access.before != access.after]
    assert len(seen) == len(changes)
    for text, access in zip(seen, changes, strict=True):
        old, new = (int.from_bytes(data, "little") for data in (access.before, access.after))
        assert text.startswith(f"catch 1: {kind} {old:#x} -> {new:#x} by cpu {access.cpu} at ")


@pytest.mark.parametrize("platform", ["tdx", "vbs", "sipi"])
@pytest.mark.parametrize(
    "kind", breadth(["mailbox", "log", "state", "cpuid", "milestone", "serial", "exit"], keep=2)
)
def test_a_catch_stops_at_every_entry_of_its_log(platform: str, kind: str) -> None:
    plain = open_session(platform=platform, cpus=2)
    plain.do("run")
    log = (
        plain.machine.board.logs.exits
        if kind in ("exit", "cpuid")
        else plain.machine.board.logs.events
    )
    wanted = [e for e in log if e.kind == kind or (kind == "cpuid" and "cpuid" in e.text)]
    session = open_session(platform=platform, cpus=2)
    session.do(f"catch {kind}")
    found = stops(session, 1_000)
    # What switches the machine off is the end of it, and nothing can stop behind that.
    last = plain.machine.board.logs.exits[-1]
    assert found == [
        f"cpu {event.cpu}: catch 1 {kind}: {event.text}"
        for event in wanted
        if event != last and "switches the machine off" not in event.text
    ]
    assert session.digest() == plain.digest()


class Mode(Struct, frozen=True):
    """A switch of modes that a platform's APs make."""

    platform: str
    words: str


@pytest.mark.parametrize(
    "mode", [Mode("sipi", "real -> compatibility"), Mode("tdx", "protected -> compatibility")]
)
def test_a_mode_switch_stops_the_machine(mode: Mode) -> None:
    session = open_session(platform=mode.platform, cpus=2)
    session.do("catch mode")
    found = stops(session)
    assert any(mode.words in text and " by cpu " in text for text in found), found


@pytest.mark.breadth
@settings(max_examples=15)
@given(
    platform=st.sampled_from(("tdx", "vbs", "sipi")),
    lengths=st.lists(st.integers(1, 30_000), min_size=1, max_size=8),
)
def test_nothing_is_skipped_where_a_run_ends_by_chance(
    platform: str, lengths: list[int]
) -> None:
    session = open_session(platform=platform, cpus=3)
    for place in PLACES:
        session.do(f"break {place}")
    # Straight to the first of them, and then on in pieces that end anywhere.
    carry_out(session, "run")
    seen = [stop.text for stop in session.stop]
    for turn in range(20_000):
        tick = session.machine.board.tick
        going_on = carry_out(session, f"run {lengths[turn % len(lengths)]}")
        seen += [stop.text for stop in session.stop if stop.kind == "breakpoint"]
        if not going_on:
            break
        assert session.machine.board.tick > tick or session.stop[0].kind == "breakpoint"
    every = [(tick, cpu, place) for place in PLACES for cpu, tick in visits(session, place)]
    wanted = [
        f"cpu {cpu}: break {PLACES.index(place) + 1} at {place}"
        for _, cpu, place in sorted(every)
    ]
    assert seen == wanted


@pytest.mark.parametrize(
    "orders",
    breadth(
        [
            ("watch mailbox.command", "break mailbox_jump"),
            ("catch milestone mailbox_ack", "break mailbox_ack"),
            ("watch mailbox.command", "watch mailbox.command write", "catch mailbox command"),
            ("catch state", "catch mailbox", "catch milestone"),
            ("catch cr3", "catch mode", "break secondary_start"),
        ],
        keep=2,
    ),
)
def test_all_that_is_met_at_one_moment_is_told_and_counted(orders: tuple[str, ...]) -> None:
    def hits(words: tuple[str, ...]) -> list[int]:
        session = open_session(cpus=3)
        session.do("until kernel_start")
        for word in words:
            session.do(word)
        told = stops(session)
        counted = [point.hits for point in session.view().breakpoints]
        # What the very end of the machine meets is counted, and the outcome is told.
        assert sum(counted) - 2 <= len(told) <= sum(counted)
        return counted

    together = hits(orders)
    # A catch that is met by the very end, which is told as the outcome, may differ by it.
    alone = [hits((order,))[0] for order in orders]
    assert sorted(together) == sorted(alone)


def test_a_change_that_is_no_mode_switch_does_not_end_a_run() -> None:
    def crash(*orders: str) -> tuple[str | None, int]:
        session = open_session(cpus=1)
        session.do("until kernel_start")
        session.do("set rsp=0x10")
        for order in orders:
            session.do(order)
        for _ in range(20):
            view = session.do("run")
            if view.outcome is not None:
                return view.outcome, view.tick
        raise AssertionError("it does not end")

    assert crash("catch mode") == crash()


def test_running_backwards_tells_all_that_happened_at_one_moment() -> None:
    session = open_session(platform="tdx", cpus=2)
    for order in ("catch state", "catch mailbox", "catch milestone"):
        session.do(order)
    forward = stops(session)
    back = []
    while True:
        view = session.do("reverse-run")
        if view.stop[0].kind == "travel":
            break
        back += reversed([stop.text for stop in view.stop])
    # The very end of the machine is told as its outcome.
    assert sorted(back) == sorted([*forward, "cpu 0: catch 1 state: switches the machine off"])


def test_a_watched_register_keeps_its_cpu() -> None:
    session = open_session(cpus=3)
    session.do("until secondary_start")
    session.do("watch rbx")
    focus = session.focus
    assert session.stop_words() == [f"watch cpu{focus}:rbx change"]


def test_a_condition_is_held_against_the_cpu_that_is_there() -> None:
    session = open_session(cpus=4)
    session.do("break mailbox_ack if cpu == 2 and mailbox.apic_id == 2")
    assert stops(session) == ["cpu 2: break 1 at mailbox_ack"]


def test_a_condition_that_cannot_be_evaluated_stops_and_says_why() -> None:
    session = open_session(cpus=2)
    session.do("break kernel_start if [0x123456789000] == 1")
    view = session.do("run")
    assert "break 1 at kernel_start" in view.stop[0].text
    assert "nothing mapped at 0x123456789000" in view.stop[0].text


def test_counts_once_and_logs() -> None:
    session = open_session(cpus=4)
    session.do("break secondary_start after 2 once")
    session.do("break mailbox_ack log if cpu > 1")
    assert stops(session) == ["cpu 2: break 1 at secondary_start"]
    (left,) = session.view().breakpoints
    assert (left.number, left.hits) == (2, 3)
    assert [text.partition("  ")[2] for text in left.log] == [
        "cpu 2: break 2 at mailbox_ack",
        "cpu 3: break 2 at mailbox_ack",
        "cpu 3: break 2 at mailbox_ack",  # the kernel hands CPU 3 back, and tests it
    ]


def test_a_log_changes_nothing_in_the_guest() -> None:
    plain = open_session(cpus=3)
    plain.do("run")
    session = open_session(cpus=3)
    session.do("break mailbox_wait log")
    session.do("break secondary_idle log if rax == 12345")
    session.do("run")
    assert session.digest() == plain.digest()
    assert session.machine.board.tick == plain.machine.board.tick


def test_reads_and_writes_are_watched_apart() -> None:
    session = open_session(cpus=2)
    session.do("until kernel_start")
    session.do("watch mailbox.vector read")
    view = session.do("run")
    assert view.stop[0].cpu == 1 and "mailbox.vector" in view.stop[0].text
    session.do("delete 1")
    session.do("goto kernel_start")
    session.do("watch mailbox.vector write")
    view = session.do("run")
    assert view.stop[0].cpu == 0


def test_a_range_of_several_pages_is_watched() -> None:
    session = open_session(cpus=2)
    tables = session.machine.board.layout.symbols.find("ap_records")
    assert tables
    session.do("watch gpa:0x8800000/0x2000 write")
    view = session.do("run")
    assert view.stop[0].kind == "watch" and "build_ap_tables" in view.cpus[0].milestone


@pytest.mark.parametrize(
    "order",
    breadth(
        [
            "catch milestone secondary_idle",
            "catch cr3",
            "break mailbox_ack if cpu == 2",
            "catch mailbox command",
        ],
        keep=2,
    ),
)
def test_running_backwards_stops_where_running_did(order: str) -> None:
    session = open_session(cpus=3)
    session.do(order)
    forward = []
    while session.do("run").outcome is None:
        forward.append((session.stop[0].cpu, session.stop[0].text.partition(":")[0]))
    back = []
    for _ in forward:
        session.do("reverse-run")
        back.append((session.stop[0].cpu, session.stop[0].text.partition(":")[0]))
    assert back == forward[::-1]
    assert session.do("reverse-run").stop[0].kind == "travel"


def test_a_step_of_many_stops_at_a_breakpoint() -> None:
    session = open_session(cpus=1)
    session.do("break shim_main")
    view = session.do("step 100000")
    assert view.stop[0].text == "cpu 0: break 1 at shim_main"
    assert view.tick < 100_000


def test_all_cpus_step_in_lockstep_and_one_is_chosen_to_run() -> None:
    session = open_session(cpus=3)
    session.do("until kernel_start")
    before = [cpu.ticks for cpu in session.view().cpus]
    after = [cpu.ticks for cpu in session.do("step all 5").cpus]
    assert [b - a for a, b in zip(before, after, strict=True)] == [5, 5, 5]
    session = open_session(cpus=3)
    session.do("until secondary_idle")
    session.do("schedule first 0")
    tick = session.machine.board.tick
    session.do("run 1")
    assert session.machine.board.logs.lanes.cpu_at(tick + 1) == 0


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ("catch", "catch: needs what"),
        ("catch moon", "'moon' is none of mode"),
        ("catch mode long", "takes no more words"),
        ("break mailbox_ack if", "break: takes WHERE"),
        ("break mailbox_ack if 1 +", "something is missing at the end"),
        ("break mailbox_ack after x", "'x' is not a number"),
        ("watch rax write", "only its changes are seen"),
        ("watch mailbox.command sometimes", "watch: takes PLACE"),
        ("watch gpa:0x8000000/70000", "1 to 65536 bytes"),
        ("schedule first 9", "there is no cpu 9"),
    ],
)
def test_what_cannot_stop_anything_is_one_sentence(order: str, said: str) -> None:
    session = open_session(cpus=2)
    with pytest.raises(CommandError) as error:
        session.do(order)
    assert said in str(error.value)
    assert session.view().breakpoints == ()


@pytest.mark.parametrize("look", ["waits", "last-writer mailbox.command"])
@pytest.mark.parametrize("focus", [0, 1, 3])
def test_a_breakpoint_is_left_behind_whoever_was_looked_at_meanwhile(
    look: str, focus: int
) -> None:
    """A search of the past comes back to where CPU 1 stands at its breakpoint."""
    session = open_session(platform="sipi", cpus=4)
    session.do("break mailbox_wait cpu 1")
    session.do("run")
    before = session.machine.board.tick
    session.do("run")
    lap = session.machine.board.tick - before
    session.view(focus=focus)
    session.do(look)
    session.do("run")
    assert session.machine.board.tick == before + 2 * lap
