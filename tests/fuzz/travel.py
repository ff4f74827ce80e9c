"""Programs of time travel that move the checkpoints: wherever these are, and whatever was set,
looked at and gone back to, a moment has the state of a straight run to it."""

from pathlib import Path
from random import Random
from typing import Final

from msgspec import Struct, field

from emu import Session, open_session
from emu.timeline.branch import Branch
from emu.timeline.moment import Entry, Moment
from tests.fuzz import doors, words
from tests.fuzz.case import Edit

LINES: Final = (5, 12)
MAX_TICKS: Final = 300_000
STARTS: Final = (0, 0, 3_000, 14_900, 43_000, 60_000, 95_000)
PUMPS_MAX: Final = 3
_MOVES: Final = (
    "@spacing 0", "@spacing 0", "@spacing 1", "@spacing 40", "@spacing 400",
    "@spacing 1000000000", "@budget 1", "@budget 3000000", "@budget 268435456",
)  # fmt: skip
"""Work between two checkpoints, and bytes for all of them: where the next ones lie, and which
of those that there are stay."""
_SETTING: Final = ("break", "watch", "catch")
_LOOKS: Final = (
    "waits", "walk rip", "npt 0x8000000", "findings", "races", "last-writer rsp", "mark m",
    "last-writer mailbox.command", "accessed mailbox.vector", "executed mailbox_wait",
    "events", "exits", "profile", "why", "save s.apdbg", "dtb", "mem rsp",
    "previous-change mailbox.command", "next-change mailbox.command",
)  # fmt: skip
State = tuple[str, tuple[int, ...]]
"""The digest, and RFLAGS of every CPU that has started."""


class _Diary(Struct):
    """What a session was seen to be at moments of each of its branches."""

    seen: dict[int, tuple[Branch, dict[Moment, State]]] = field(default_factory=dict)

    def note(self, session: Session) -> None:
        """The state of now; it must be what it was the last time here."""
        branch, now = session.timeline.branch, session.timeline.now
        states = self.seen.setdefault(id(branch), (branch, {}))[1]
        found = state(session)
        assert states.setdefault(now, found) == found, f"another state at {now}"


def state(session: Session) -> State:
    """All that a run is compared by."""
    cpus = [cpu for cpu in session.machine.board.cpus if cpu.context is not None]
    return session.digest(), tuple(cpu.registers.get("rflags") for cpu in cpus)


def lines(draw: Random, data: bytes, others: tuple[bytes, ...]) -> tuple[Edit, ...]:
    """A program, an edit for each line."""
    texts = [_line(draw) for _ in range(draw.randrange(*LINES))]
    return tuple(Edit(0, 0, one.encode("utf-8", "surrogatepass") + b"\n") for one in texts)


def _line(draw: Random) -> str:
    chance = draw.random()
    if chance < 0.2:
        return draw.choice(_MOVES)
    if chance < 0.3:
        return draw.choice(_LOOKS)
    if chance < 0.4:
        return words.of(draw, draw.choice(_SETTING))
    cpu = draw.randrange(4)
    return draw.choice((
        f"run {draw.choice((1, 2, 7, 100, 2_500))}", f"run {draw.randrange(1, 900)}",
        f"run {draw.randrange(1, 30_000)}", "run", f"step {cpu} {draw.randrange(1, 60)}",
        f"step {draw.randrange(1, 9)}", "next", f"until {draw.choice(words.PLACES)}",
        f"goto {draw.randrange(130_000)}", f"goto {draw.randrange(20_000)}", "goto start",
        "goto end", "goto m", f"reverse-step {draw.randrange(1, 200)}",
        f"reverse-step any {draw.randrange(1, 2_000)}", "reverse-next", "reverse-run",
        "reverse-finish", f"set cpu{cpu}:rbx={draw.randrange(1 << 16)}",
        f"set gpa:0x8010000/8={draw.randrange(256)}", f"inject {words.injection(draw)}",
        f"inject stall {cpu} {draw.randrange(1, 9_000)}", f"hold {cpu}", f"release {cpu}",
        f"schedule random {draw.randrange(99)} quantum {draw.choice((50, 400, 2_000))}",
        "schedule timed", "branch main", "branch branch2", "finish",
    ))  # fmt: skip


def travelled(data: bytes, draw: Random, folder: Path) -> None:
    """Carry a program out, then compare every moment it was seen at with a straight run."""
    platform, cpus = draw.choice(doors.PLATFORMS), draw.choice((1, 2, 2, 4))
    session = open_session(platform=platform, cpus=cpus, max_ticks=MAX_TICKS)
    session.timeline.spacing = draw.choice((0, 0, session.timeline.spacing))
    diary = _Diary()
    doors.carry_out(
        session, f"run {draw.choice(STARTS) + draw.randrange(500)}", doors.PUMPS_WHOLE
    )
    diary.note(session)
    for raw in data.decode("utf-8", "surrogatepass").splitlines():
        word, _, rest = raw.partition(" ")
        if word == "@spacing":
            session.timeline.spacing = int(rest)
        elif word == "@budget":
            session.timeline.budget = int(rest)
        else:
            doors.carry_out(session, raw, PUMPS_MAX)
            diary.note(session)
    for branch, states in diary.seen.values():
        _compare(platform, cpus, branch.entries, states)


def _compare(
    platform: str, cpus: int, entries: list[Entry], states: dict[Moment, State]
) -> None:
    """Straight from power-on, without a checkpoint, through all moments of one branch."""
    straight = open_session(platform=platform, cpus=cpus, max_ticks=MAX_TICKS)
    straight.timeline.enabled = False
    straight.timeline.branch.entries.extend(entries)
    for moment in sorted(states):
        straight.timeline.retrace(moment)
        assert straight.timeline.now == moment, f"{moment} is no state of a straight run"
        assert state(straight) == states[moment], f"a straight run is another one at {moment}"
