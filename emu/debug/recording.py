"""The recording file: one line of JSON for each thing known, each line with its own check sum.

docs/recording.md is its definition. A line is written when it becomes known, so what was
recorded before a crash is there, and a cut or corrupt file is as good as its whole lines.
"""

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from msgspec import Struct, field

from emu.debug.desk import Desk
from emu.debug.running import arrived
from emu.debug.setup import Options
from emu.errors import CommandError, RecordingError
from emu.timeline.moment import Entry, Moment

FORMAT: Final = "apdbg-recording/1"
DIGEST_TICKS: Final = 10_000
"""Instructions between two digests."""
_LINE_MAX: Final = 1 << 20
_SUM_CELLS: Final = 8


def apdbg_version() -> str:
    """The version that is installed; `unknown` in a bare checkout."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("apdbg")
    except PackageNotFoundError:
        return "unknown"


def _line(kind: str, **values: object) -> bytes:
    """One line: the check sum of the JSON behind it, then the JSON."""
    text = msgspec.json.encode({"kind": kind, **values})
    return _summed(text) + b"\n"


def _summed(text: bytes) -> bytes:
    """A line without its end."""
    return f"{zlib.crc32(text):08x} ".encode() + text


def _header(desk: Desk) -> bytes:
    """What was booted, and with what."""
    setup = desk.setup
    options = msgspec.to_builtins(setup.options)
    return _line(
        "header", format=FORMAT, apdbg=apdbg_version(), options=options,
        platform_text=setup.platform_text, image_sha256=setup.image.sha256,
        kernel_sha256="" if setup.kernel is None else setup.kernel.sha256,
        digest_ticks=DIGEST_TICKS,
    )  # fmt: skip


def _entry(entry: Entry) -> bytes:
    return _line("entry", tick=entry.tick, beat=entry.beat, text=entry.text)


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
        self.file.write(_header(self.desk))
        self.file.flush()

    def catch_up(self) -> None:
        """Write what has become known since the last time."""
        machine, timeline = self.desk.machine, self.desk.timeline
        if timeline.branch is not self.branch:
            self._turn_off()
        entries = self.desk.timeline.branch.entries
        for entry in entries[self.entries : self.desk.timeline.driver.done]:
            self.file.write(_entry(entry))
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
        self.file.write(_line("branch", name=branch.name, tick=fork.tick, entries=self.entries))

    def digest(self) -> None:
        """The schedule since the last digest, and a digest of now."""
        machine, now = self.desk.machine, self.desk.timeline.now
        runs = [
            [run.cpu, run.last - run.first]
            for run in machine.board.logs.lanes.runs(self.ran, machine.board.tick)
            if run.last > run.first
        ]
        self.file.write(_line("schedule", first=self.ran, runs=runs))
        self.file.write(
            _line("digest", tick=now.tick, beat=now.beat, entries=now.entries,
                  digest=self.desk.digest.now())
        )  # fmt: skip
        self.digested = self.ran = machine.board.tick

    def end(self) -> None:
        """The last state, how it ended, and the names that were given."""
        self.catch_up()
        self.digest()
        verdict = self.desk.verdict
        marks = {name: list(moment) for name, moment in self.desk.timeline.branch.marks.items()}
        words = ("", "") if verdict is None else verdict.words
        self.file.write(_line("end", outcome=words[0], reason=words[1], marks=marks))
        self.file.flush()


def save(desk: Desk, path: Path) -> str:
    """Write the branch from power-on to now, by running it once more; the machine comes back
    to where it is. Raises CommandError where the file cannot be written."""
    timeline = desk.timeline
    here = timeline.now
    _ = timeline.end
    try:
        with path.open("wb") as file:
            recorder = Recorder(desk, file)
            recorder.begin()
            timeline.goto(Moment(0))
            while timeline.now < here:
                tick = min(timeline.now.tick + DIGEST_TICKS, here.tick)
                timeline.retrace(here if tick == here.tick else Moment(tick, 0, 0))
                recorder.catch_up()
            recorder.end()
    except OSError as error:
        raise CommandError(f"save {path}: {error.strerror}") from None
    finally:
        timeline.goto(here)
    return f"{path}: {path.stat().st_size:,} bytes, {here.tick:,} instructions"


class Recording(Struct):
    """What a file has told."""

    options: Options
    apdbg: str
    platform_text: str
    image_sha256: str
    kernel_sha256: str
    entries: list[Entry] = field(default_factory=list)
    digests: list[tuple[Moment, str]] = field(default_factory=list)
    runs: list[tuple[int, list[list[int]]]] = field(default_factory=list)
    marks: dict[str, Moment] = field(default_factory=dict)
    whole: bool = False
    """Whether the last line was reached."""
    trouble: str = ""
    """One sentence on what is missing, empty if nothing is."""


def read(path: Path) -> Recording:
    """Read a recording, as much of it as is whole. Raises RecordingError where there is not
    even a header."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from None
    found: Recording | None = None
    for number, line in _lines(data):
        if line is None:
            if found is not None:
                found.trouble = f"{path}: line {number} is damaged or cut: what is before holds"
            break
        if found is None:
            found = _from_header(path, line)
        else:
            _take(found, line)
    if found is None:
        raise RecordingError(f"{path}: is no recording of apdbg, or its first line is damaged")
    if not found.whole and not found.trouble:
        found.trouble = f"{path}: was not finished: what was written before holds"
    return found


def _lines(data: bytes) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """(line number, its values or None where it is damaged)."""
    *lines, rest = data.split(b"\n")
    for number, raw in enumerate([*lines, rest] if rest else lines, 1):
        text = raw[_SUM_CELLS + 1 :]
        good = raw == _summed(text) and number <= len(lines) and len(raw) <= _LINE_MAX
        try:
            values = msgspec.json.decode(text, type=dict[str, Any]) if good else None
        except msgspec.DecodeError:
            values = None
        yield number, values
        if values is None:
            return


def _from_header(path: Path, line: dict[str, Any]) -> Recording:
    if line.get("kind") != "header" or line.get("format") != FORMAT:
        said = line.get("format", "nothing")
        raise RecordingError(f"{path}: this apdbg reads {FORMAT}, the file says {said}")
    try:
        options = msgspec.convert(line["options"], Options)
        return Recording(
            options, line["apdbg"], line["platform_text"], line["image_sha256"],
            line["kernel_sha256"],
        )  # fmt: skip
    except (KeyError, msgspec.ValidationError) as error:
        raise RecordingError(f"{path}: the header lacks something: {error}") from None


def _take(found: Recording, line: dict[str, Any]) -> None:
    """One line behind the header; kinds that this version does not know are passed over."""
    match line["kind"]:
        case "entry":
            found.entries.append(Entry(line["tick"], line["beat"], line["text"]))
        case "branch":
            del found.entries[line["entries"] :]
            found.digests = [one for one in found.digests if one[0].tick < line["tick"]]
            found.runs = [one for one in found.runs if one[0] < line["tick"]]
        case "schedule":
            found.runs.append((line["first"], line["runs"]))
        case "digest":
            moment = Moment(line["tick"], line["beat"], line["entries"])
            found.digests.append((moment, line["digest"]))
        case "end":
            found.marks = {name: Moment(*moment) for name, moment in line["marks"].items()}
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
        if heard():
            return said
        timeline.retrace(moment)
        if desk.digest.now() != digest or timeline.now != moment:
            said.append(_drift(desk, recording, moment))
            break
    done = timeline.driver.done
    del timeline.branch.entries[done:]
    timeline.branch.marks = {
        name: moment for name, moment in recording.marks.items() if moment <= timeline.end
    }
    arrived(desk)
    return said


def _changed(desk: Desk, recording: Recording) -> list[str]:
    """What is another one now than when it was recorded."""
    setup = desk.setup
    said = []
    if recording.apdbg != apdbg_version():
        said.append(f"recorded by apdbg {recording.apdbg}, this is {apdbg_version()}")
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
