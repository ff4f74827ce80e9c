"""The recording file: one line of JSON for each thing known, each line with its own check sum.

docs/recording.md is its definition. A line is written when it becomes known, so what was
recorded before a crash is there, and a cut or corrupt file is as good as its whole lines.
"""

from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from msgspec import Struct, field

from emu.boot.samples import place_of
from emu.debug.desk import Desk
from emu.debug.recording_lines import (
    FILE_MAX,
    FORMAT,
    AnyLine,
    BranchLine,
    DigestLine,
    EndLine,
    EntryLine,
    HeaderLine,
    ScheduleLine,
    copied,
    lines,
    written,
)
from emu.debug.running import arrived
from emu.debug.setup import Options
from emu.errors import CommandError, RecordingError
from emu.given.files import new_file, read_file
from emu.given.plain import shown
from emu.timeline.branch import Mark
from emu.timeline.moment import Entry, Moment
from emu.timeline.timeline import Timeline

DIGEST_TICKS: Final = 10_000
"""Instructions between two digests."""
GAP_TICKS: Final = 100_000_000
"""Between two digests of a file there are at most so many: it is written while it runs, and a
stretch of a run is shorter."""


def apdbg_version() -> str:
    """The version that is installed; `unknown` in a bare checkout."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("apdbg")
    except PackageNotFoundError:
        return "unknown"


def _header(desk: Desk) -> HeaderLine:
    """What was booted, and with what."""
    setup = desk.setup
    kernel = "" if setup.kernel is None else setup.kernel.sha256
    return HeaderLine(
        FORMAT, apdbg_version(), setup.options, setup.platform_text, setup.image.sha256, kernel,
        DIGEST_TICKS,
    )  # fmt: skip


class Recorder(Struct):
    """Writes a session's branch to a file while it grows."""

    desk: Desk
    file: IO[bytes]
    entries: int = 0
    digested: int = 0
    ran: int = 0
    """The tick up to which the schedule has been written."""
    branch: object = None
    """The branch that is being written."""

    def begin(self) -> None:
        """The header."""
        self.branch = self.desk.timeline.branch
        self.file.write(written(_header(self.desk)))
        self.file.flush()

    def catch_up(self) -> None:
        """Write what has become known since the last time."""
        machine, timeline = self.desk.machine, self.desk.timeline
        if timeline.branch is not self.branch:
            self._turn_off()
        entries = self.desk.timeline.branch.entries
        for entry in entries[self.entries : self.desk.timeline.driver.done]:
            self.file.write(written(EntryLine(entry.tick, entry.beat, entry.text)))
            self.entries += 1
            self.file.flush()
        if machine.board.tick >= self.digested + DIGEST_TICKS:
            self.digest()
            self.file.flush()

    def _turn_off(self) -> None:
        """The session is on another branch: what both share holds, and the rest is new."""
        self.branch = branch = self.desk.timeline.branch
        fork = branch.fork
        self.entries = min(self.entries, fork.entries)
        self.digested = self.ran = min(self.ran, fork.tick)
        self.file.write(written(BranchLine(branch.name, fork.tick, self.entries)))

    def digest(self) -> None:
        """The schedule since the last digest, and a digest of now."""
        machine, now = self.desk.machine, self.desk.timeline.now
        runs = tuple(
            (run.cpu, run.last - run.first)
            for run in machine.board.logs.lanes.runs(self.ran, machine.board.tick)
            if run.last > run.first
        )
        digest = DigestLine(now.tick, now.beat, now.entries, self.desk.digest.now())
        self.file.write(written(ScheduleLine(self.ran, runs)) + written(digest))
        self.digested = self.ran = machine.board.tick

    def end(self) -> None:
        """The last state, how it ended, and the names that were given."""
        self.catch_up()
        self.digest()
        self.file.write(written(_end(self.desk)))
        self.file.flush()


def _end(desk: Desk) -> EndLine:
    named = desk.timeline.branch.marks
    marks = {name: (one.at.tick, one.at.beat, one.at.entries) for name, one in named.items()}
    cpus = {name: one.cpu for name, one in named.items() if one.cpu is not None}
    words = ("", "") if desk.verdict is None else desk.verdict.words
    return EndLine(*words, marks, cpus)


def save(desk: Desk, path: Path) -> str:
    """Write the branch from power-on to now, by running it once more; the machine comes back
    to where it is. Raises CommandError where the file cannot be written."""
    timeline = desk.timeline
    here = timeline.now
    _ = timeline.end
    try:
        with new_file(path, CommandError) as file:
            recorder = Recorder(desk, file)
            recorder.begin()
            timeline.goto(Moment(0))
            while timeline.now < here:
                tick = min(timeline.now.tick + DIGEST_TICKS, here.tick)
                timeline.retrace(here if tick == here.tick else Moment(tick, 0, 0))
                recorder.catch_up()
            recorder.end()
            size = file.tell()
    finally:
        timeline.goto(here)
    return f"{path}: {size:,} bytes, {here.tick:,} instructions"


def brief(desk: Desk) -> list[str]:
    """The lines of a recording with one digest, that of now: the machine need not run again to
    write it. At most GAP_TICKS lie between power-on and now. Raises RecordingError for a name
    that is no UTF-8."""
    timeline, now = desk.timeline, desk.timeline.now
    entries = timeline.branch.entries[: timeline.driver.done]
    found: tuple[AnyLine, ...] = (
        _header(desk),
        *(EntryLine(one.tick, one.beat, one.text) for one in entries),
        DigestLine(now.tick, now.beat, now.entries, desk.digest.now()),
        _end(desk),
    )
    return [copied(line) for line in found]


class Recording(Struct):
    """What a file has told."""

    options: Options
    apdbg: str
    platform_text: str
    image_sha256: str
    kernel_sha256: str
    entries: list[Entry] = field(default_factory=list)
    digests: list[tuple[Moment, str]] = field(default_factory=list)
    runs: list[tuple[int, tuple[tuple[int, int], ...]]] = field(default_factory=list)
    marks: dict[str, Mark] = field(default_factory=dict)
    outcome: str = ""
    """How the boot had ended where the recording ends; empty if it had not."""
    whole: bool = False
    """Whether the last line was reached."""
    trouble: str = ""
    """One sentence on what is missing, empty if nothing is."""


def read(path: Path) -> Recording:
    """Read a recording, or the sample of that name, as much of it as is whole. Raises
    RecordingError where there is not even a header, and for a line that is whole and makes no
    sense."""
    path = place_of(str(path), ".apdbg")
    found: Recording | None = None
    for number, line in lines(path, read_file(path, FILE_MAX, RecordingError)):
        if line is None:
            if found is not None:
                found.trouble = f"{path}: line {number} is damaged or cut: what is before holds"
        elif isinstance(line, HeaderLine) and found is None:
            found = _from_header(path, line)
        elif found is None:
            break
        else:
            _take(found, line)
    if found is None:
        raise RecordingError(f"{path}: is no recording of apdbg, or its first line is damaged")
    if not found.whole and not found.trouble:
        found.trouble = f"{path}: was not finished: what was written before holds"
    return found


def _from_header(path: Path, line: HeaderLine) -> Recording:
    if line.format != FORMAT:
        said = shown(line.format)
        raise RecordingError(f"{path}: this apdbg reads {FORMAT}, the file says {said}")
    return Recording(
        line.options, line.apdbg, line.platform_text, line.image_sha256, line.kernel_sha256
    )


def _take(found: Recording, line: AnyLine) -> None:
    """One line behind the header; another header is one too many and says nothing."""
    match line:
        case EntryLine(tick, beat, text):
            found.entries.append(Entry(tick, beat, text))
        case BranchLine(_, tick, entries):
            del found.entries[entries:]
            found.digests = [one for one in found.digests if one[0].tick < tick]
            found.runs = [one for one in found.runs if one[0] < tick]
        case ScheduleLine(first, runs):
            found.runs.append((first, runs))
        case DigestLine(tick, beat, entries, digest):
            found.digests.append((Moment(tick, beat, entries), digest))
        case EndLine(outcome, _, marks, cpus):
            found.outcome = outcome
            found.marks = {
                name: Mark(Moment(*moment), cpus.get(name)) for name, moment in marks.items()
            }
            found.whole = True


def replay(
    desk: Desk, recording: Recording, heard: Callable[[], bool] = lambda: False
) -> list[str]:
    """Run a fresh session along a recording to its end; the sentences on all that differs,
    the first tick at which it does among them. `heard` True stops early."""
    said = [recording.trouble] if recording.trouble else []
    said += _changed(desk, recording)
    timeline = desk.timeline
    timeline.branch.entries.extend(recording.entries)
    for moment, digest in recording.digests:
        if moment.tick - timeline.now.tick > GAP_TICKS:
            said.append(
                f"the next digest is at tick {moment.tick:,}, {GAP_TICKS:,} instructions and "
                "more from here: no recording has such a gap"
            )
            break
        if not _went_to(timeline, moment, heard):
            return said
        if desk.digest.now() != digest or timeline.now != moment:
            said.append(_drift(desk, recording, moment))
            break
    done = timeline.driver.done
    del timeline.branch.entries[done:]
    timeline.branch.marks = {
        name: mark for name, mark in recording.marks.items() if _holds(desk, mark)
    }
    arrived(desk, recording.outcome != "" and len(said) == 0)
    return said


def _holds(desk: Desk, mark: Mark) -> bool:
    """Whether there is such a moment, and such a CPU."""
    there = mark.cpu is None or mark.cpu < len(desk.machine.board.cpus)
    return there and mark.at <= desk.timeline.end


def _went_to(timeline: Timeline, moment: Moment, heard: Callable[[], bool]) -> bool:
    """Go on to a moment, a little at a time; False if somebody wants to stop."""
    while not timeline.follow(moment):
        if heard():
            return False
    return not heard()


def _changed(desk: Desk, recording: Recording) -> list[str]:
    """What is another one now than when it was recorded."""
    setup = desk.setup
    said = []
    if recording.apdbg != (ours := apdbg_version()):
        said.append(f"recorded by apdbg {shown(recording.apdbg)[1:-1]}, this is {ours}")
    if recording.image_sha256 != setup.image.sha256:
        said.append(f"{setup.image.path}: is another image than the recorded one")
    kernel = "" if setup.kernel is None else setup.kernel.sha256
    if recording.kernel_sha256 != kernel:
        said.append("the kernel is another one than the recorded one")
    return said


def _drift(desk: Desk, recording: Recording, moment: Moment) -> str:
    """Where the run first went another way than the recorded one."""
    lanes, end = desk.machine.board.logs.lanes, desk.machine.board.tick
    for first, runs in recording.runs:
        tick = first
        for cpu, count in runs:
            for place in (tick + 1, tick + count):
                if place <= end and lanes.cpu_at(place) != cpu:
                    ours = lanes.cpu_at(place)
                    return (
                        f"drift: at tick {place:,} cpu {ours} executes, recorded was cpu {cpu}"
                    )
            tick += count
    before = max((m.tick for m, _ in recording.digests if m < moment), default=0)
    return (
        f"drift: the digest at tick {moment.tick:,} is another one; the one at {before:,} was "
        "the same"
    )
