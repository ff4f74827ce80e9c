"""Commands that go back, and questions to the past, against what really happened."""

import pytest

from emu import Session, open_session
from emu.debug.desk import instruction
from emu.errors import CommandError
from emu.mailbox.layout import COMMANDS

PLATFORMS = ("tdx", "vbs", "sipi")


def booted(platform: str = "vbs", cpus: int = 3) -> Session:
    session = open_session(platform=platform, cpus=cpus)
    session.do("run")
    return session


def state(session: Session) -> tuple[int, str]:
    return session.machine.board.tick, session.digest()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_step_back_undoes_a_step(platform: str) -> None:
    session = open_session(platform=platform, cpus=2)
    session.do("until start_aps")
    seen = [state(session)]
    for _ in range(30):
        session.do("step")
        seen.append(state(session))
    for before in reversed(seen[:-1]):
        session.do("reverse-step")
        assert state(session) == before


def test_a_step_into_the_known_future_begins_no_branch() -> None:
    session = booted()
    session.do("goto 50%")
    cpu = session.machine.board.logs.lanes.cpu_at(session.machine.board.tick + 1)
    session.do(f"step {cpu} 5")
    assert list(session.timeline.branches) == ["main"]
    session.do("goto mailbox_ack")
    session.do("hold 0")
    assert list(session.timeline.branches) == ["main", "branch2"]


def test_next_and_reverse_next_are_inverse_over_a_call() -> None:
    session = open_session(platform="vbs", cpus=1)
    session.do("until shim_main") if "shim_main" in session.symbols() else session.do(
        "run 7000"
    )
    code = instruction(session.machine, session.machine.board.cpus[0])
    while code is None or code.kind != "call":
        session.do("step")
        code = instruction(session.machine, session.machine.board.cpus[0])
    before = state(session)
    session.do("next")
    assert session.machine.board.tick > before[0] + 1
    session.do("reverse-next")
    assert state(session) == before
    session.do("step 3")
    session.do("reverse-finish")
    assert state(session) == before


@pytest.mark.parametrize("words", ["reverse-step", "reverse-next", "reverse-finish"])
def test_a_cpu_that_never_started_cannot_go_back_and_says_so(words: str) -> None:
    session = open_session(platform="tdx", cpus=2)
    session.do("run 100")
    session.do("cpu 1")
    before = state(session)
    with pytest.raises(CommandError, match="cpu 1"):
        session.do(words)
    assert state(session) == before


def test_reverse_run_stops_where_breakpoints_did_in_the_other_order() -> None:
    session = open_session(platform="tdx", cpus=4)
    session.do("break mailbox_ack")
    session.do("break secondary_online")
    stops = []
    while session.do("run").outcome is None:
        stops.append((session.stop[0].text, session.focus))
    assert len(stops) >= 6
    found = []
    while "nothing stopped before" not in session.do("reverse-run").stop[0].text:
        found.append((session.stop[0].text, session.focus))
    assert found == stops[::-1]


def test_last_writer_names_the_store_that_made_the_value() -> None:
    session = booted("tdx", 4)
    for place in ("mailbox.command", "mailbox.vector", "cpu0:rax", "cpu2:rbx", "npt:0x8000000"):
        value = session.do(f"print {place}").reply
        home = state(session)
        (line,) = session.do(f"last-writer {place}").reply
        assert state(session) == home, "asking has moved the machine"
        tick = int(line.rpartition("tick ")[2].replace(",", ""))
        session.do(f"goto {tick}")
        assert session.do(f"print {place}").reply == value
        session.do("goto end")


def test_a_page_walk_is_found_as_a_writer() -> None:
    session = open_session(platform="vbs", cpus=1)
    session.do("run 20000")
    names = [
        f"pte:{session.machine.board.linear_rip(session.machine.board.cpus[0]):#x}",
        "pte:0x8000000",
    ]
    for name in names:
        (line,) = session.do(f"last-writer {name}").reply
        assert "by a page walk of cpu 0" in line or "nobody" in line or "by cpu 0" in line


def test_questions_count_what_happened() -> None:
    session = booted("vbs", 3)
    reply = session.do("executed secondary_online").reply
    acked = sum(e.text == "reaches secondary_online" for e in session.machine.board.logs.events)
    assert reply[0].startswith(f"secondary_online: executed {acked} times, by cpus 1, 2")
    read, *_ = session.do("accessed mailbox.command").reply
    assert "read" in read
    writes = [
        e for e in session.machine.board.logs.events if e.text.startswith("mailbox command")
    ]
    written = next(line for line in session.view().reply if "written" in line)
    # The shim also clears the whole page before anybody looks at it: no field changes then.
    assert len(writes) <= int(written.split()[2]) <= len(writes) + 2
    assert f"tick {writes[-1].tick:,}" in session.view().reply[-1]


def test_watch_stops_behind_every_change() -> None:
    session = open_session(platform="sipi", cpus=2)
    session.do("watch mailbox.command")
    seen = []
    while session.do("run").outcome is None:
        assert session.stop[0].kind == "watch"
        value = session.do("print mailbox.command").reply[0].split(" = ")[1].split()[0]
        seen.append((session.machine.board.tick, COMMANDS[int(value, 0)]))
    wanted = [
        (e.tick, e.text.split(" = ")[1].split()[0])
        for e in session.machine.board.logs.events
        if e.text.startswith("mailbox command")
    ]
    assert seen == wanted


def test_moments_have_names() -> None:
    session = booted()
    end = session.machine.board.tick
    session.do("goto start")
    assert session.machine.board.tick == 0
    assert session.do("goto 100%").tick == end
    assert session.do("goto #3").tick == session.timeline.branch.logs.events.known[2].tick
    session.do("goto 12,345")
    session.do("mark one")
    session.do("goto end")
    assert session.do("goto one").tick == 12_345
    assert session.view().outcome is None
    assert session.do("goto end").outcome == "booted"


def test_goto_beyond_the_known_end_runs_there() -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("break start_aps")
    assert session.do("goto 5000").tick == 5000
    assert session.do("goto 99999999").outcome == "booted"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("goto nowhere", "no tick, percentage, mark or event"),
        ("goto #9999", "the events are #1 to"),
        ("reverse-step 2 5", "cpu 2 has executed 0 instructions"),
        ("reverse-step any 999999", "there are only"),
        ("branch 5", "a name begins with a letter"),
        ("branch main main", "is taken"),
        ("mark 5", "a name begins with a letter"),
        ("watch nowhere", "no symbol, file:line or address"),
        ("print mailbox.colour", "the mailbox has command"),
        ("print cpu9:rax", "there is no cpu 9"),
        ("print gpa:0xffffffffff", "there is no memory"),
        ("set rax", "takes PLACE=VALUE"),
        ("set rax=many", "many: no symbol"),
        ("set mailbox.command=0x12345", "has more than 2 bytes"),
        ("inject", "needs words"),
        ("inject rain 5", "the kinds are never-starts"),
        ("inject rain 5", "`help inject` lists all"),
        (
            "inject mailbox-move 5",
            "there is no kind 'mailbox-move': did you mean 'mailbox-moved'?",
        ),
        ("inject nmi 9", "there is no cpu 9"),
        ("inject pte 0 0x123456789000 absent", "a moment can be named"),
        ("schedule lottery", "takes `timed` or `random"),
        ("hold 7", "there is no cpu 7"),
        ("diff here there", "no tick, percentage, mark or event"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_changes_nothing(words: str, says: str) -> None:
    session = open_session(platform="vbs", cpus=3)
    session.do("run 9000")
    session.do("goto 4000")
    before = state(session), list(session.timeline.branches), session.timeline.end
    with pytest.raises(CommandError, match=says):
        session.do(words)
    assert (state(session), list(session.timeline.branches), session.timeline.end) == before


def test_a_small_budget_thins_the_past_and_keeps_it_reachable() -> None:
    session = open_session(platform="tdx", cpus=4)
    session.timeline.budget = 600_000
    session.do("run 1")
    seen = {}
    for _ in range(140):
        session.do("run 1000")
        seen[session.machine.board.tick] = session.digest()
    assert session.timeline.bytes_used <= 600_000
    for tick in sorted(seen, key=lambda tick: (tick * 7919) % 1000):
        session.do(f"goto {tick}")
        assert session.digest() == seen[tick]


def test_diff_finds_one_byte() -> None:
    session = booted("vbs", 2)
    session.do("goto 60%")
    session.do("branch other")
    assert session.do("diff now now").reply == ("no difference",)
    session.do("mark before")
    session.do("set gpa:0x8001000/1=0x5a")
    reply = session.do("diff before now").reply
    assert [line for line in reply if line.startswith("memory")] == list(reply[1:])
    assert "memory 0x8001000" in reply[1] and "-> 0x5a" in reply[1]
    session.do("set cpu0:r12=0x77")
    assert any("r12" in line and "-> 0x77" in line for line in session.do("diff before").reply)


def test_a_number_in_the_device_tree_is_a_place() -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("until wake_aps")
    assert session.do("print dtb:/cpus/cpu@2/reg").reply[0].endswith("= 0x1 1")
    session.do("mark handed")
    session.do("set dtb:/cpus/cpu@2/reg=0x7")
    assert session.do("print dtb:/cpus/cpu@2/reg").reply[0].endswith("= 0x7 7")
    lines = session.do("diff handed now").reply
    assert any("device tree /cpus/cpu@2/reg: 00000001 -> 00000007" in line for line in lines)
    with pytest.raises(CommandError, match="has no property"):
        session.do("print dtb:/cpus/colour")


def test_a_reset_keeps_breakpoints_and_watchpoints_and_their_numbers() -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("break start_aps")
    session.do("watch mailbox.command")
    session.do("run")
    session.do("reset")
    assert session.do("run").stop[0].text == "cpu 0: break 1 at start_aps"
    assert session.do("run").stop[0].text.startswith("watch 2: mailbox.command 0x0 -> 0x1")
    assert session.do("break mailbox_ack").reply[0].startswith("breakpoint 3 ")


def test_a_refused_entry_in_the_past_begins_no_branch() -> None:
    session = booted("vbs", 2)
    session.do("goto 5000")
    with pytest.raises(CommandError, match="has not started"):
        session.do("set cpu1:rax=5")
    session.do("hold 0")
    assert list(session.timeline.branches) == ["main", "branch2"]


@pytest.mark.parametrize("place", ["cpu0:r12", "gpa:0x8001000/4"])
def test_an_edit_is_yours(place: str) -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("run 9000")
    session.do(f"set {place}=0x1234")
    session.do("run 5")
    assert "-> 0x1234 by you, tick 9,000" in session.do(f"last-writer {place}").reply[0]
    session.do(f"previous-change {place}")
    assert session.stop[0].text.endswith("-> 0x1234 by you")
