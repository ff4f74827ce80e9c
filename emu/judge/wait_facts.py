"""Why CPUs wait, with evidence: what the bytes hold that they look at, and who wrote them."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from emu.hw.address import Hpa
from emu.hw.cpu import Cpu
from emu.judge import monitored
from emu.judge.conditions import Reads
from emu.judge.verdict import WaitFact
from emu.judge.waiting import WaitSaid, WaitWords
from emu.machine.machine import Machine
from emu.machine.tracked import NOBODY, LastWrite
from emu.timeline import search
from emu.timeline.timeline import Timeline
from emu.words.place import MemoryPlace

Searched = dict[tuple[Hpa, int], LastWrite]
"""(HPA, bytes) -> who changed them last."""
SEARCHED_TICKS: Final = 1_000_000
"""Instructions that are run again to find who wrote before a wait began: about a second."""
PLACES_MAX: Final = 64
"""Places that are searched for at once."""


def facts(
    machine: Machine,
    timeline: Timeline | None = None,
    cpus: Iterable[int] | None = None,
    words: WaitWords | None = None,
) -> list[WaitFact]:
    """Every waiting CPU, or some of them, with its evidence. With a timeline, who wrote before
    a wait began is searched for in the past, for some time. `words`: what is known of loops."""
    known = WaitWords(machine) if words is None else words
    every = {*machine.waits.waiting, *machine.monitors.asleep}
    waiting = [
        (cpu, said)
        for index in sorted(every if cpus is None else every & {*cpus})
        if (said := known.seen(cpu := machine.board.cpus[index])) is not None
    ]
    reads = (said.reads for _, said in waiting)
    found = _Facts(machine, {} if timeline is None else _searched(machine, timeline, reads))
    return [found.of(cpu, said) for cpu, said in waiting]


def _searched(machine: Machine, timeline: Timeline, looked_at: Iterable[Reads]) -> Searched:
    """Who changed what loops look at last, as far as it can be found in a while."""
    wanted = {
        (hpa, count): MemoryPlace("", "hpa", hpa, hpa, count)
        for reads in looked_at
        for hpa, count, _ in reads
        if machine.tracked.last_write(hpa, count) is None
    }
    if not wanted:
        return {}
    some = list(wanted.values())[:PLACES_MAX]
    changes = search.last_changes(timeline, some, SEARCHED_TICKS)
    return {
        key: NOBODY if one is None else LastWrite(one.cpu, one.tick)
        for key, where in wanted.items()
        if where in changes
        for one in (changes[where],)
    }


class _Written(NamedTuple):
    """Who wrote what a loop looks at last."""

    newest: LastWrite
    known: bool
    """Whether nobody else can have written after it."""
    place: str
    """The place that tells it, as `last-writer` takes it."""


class _Facts:
    """The facts of one moment: of a thousand CPUs many look at the same bytes, in one code."""

    def __init__(self, machine: Machine, searched: Searched) -> None:
        self._machine = machine
        self._searched = searched
        self._written: dict[Reads, _Written] = {}
        self._names: dict[tuple[Hpa | None, int], str] = {}
        """By where the head of a loop, or an MWAIT, lies in the host, and its address."""
        self._values: dict[tuple[tuple[Hpa, int], ...], str] = {}

    def of(self, cpu: Cpu, said: WaitSaid) -> WaitFact:
        """Why a CPU waits."""
        written = self._written.get(said.reads)
        if written is None:
            written = self._written[said.reads] = self._last_written(said.reads)
        newest, known, place = written
        return WaitFact(
            cpu.id, said.words, self._where(cpu), self._now(said.places),
            newest.cpu if known else None,
            newest.tick if known and newest is not NOBODY else None, known, place,
        )  # fmt: skip

    def _where(self, cpu: Cpu) -> str:
        wait = self._machine.waits.waiting.get(cpu.id)
        head = monitored.address(self._machine, cpu) if wait is None else wait.loop.head
        code = self._machine.board.virtual.hpa(cpu.registers, head), head
        name = self._names.get(code)
        if name is None:
            name = self._names[code] = self._machine.board.place_at(cpu, head)
        return name

    def _now(self, places: tuple[tuple[Hpa, int], ...]) -> str:
        """What the bytes hold that the words name."""
        text = self._values.get(places)
        if text is None:
            read = self._machine.board.memory.read
            values = (int.from_bytes(read(hpa, size), "little") for hpa, size in places)
            text = self._values[places] = ", ".join(f"{value:#x}" for value in values)
        return text

    def _last_written(self, reads: Reads) -> _Written:
        tracked = self._machine.tracked
        last = [
            tracked.last_write(hpa, count) or self._searched.get((hpa, count))
            for hpa, count, _ in reads
        ]
        newest = max((one for one in last if one is not None), key=_tick, default=NOBODY)
        # What was changed before its page was watched was changed before what is newer than
        # that.
        unknown = [
            read
            for read, one in zip(reads, last, strict=True)
            if one is None and not _before(self._machine, read[0], newest.tick)
        ]
        place = next((f"gva:{gva:#x}/{count}" for _, count, gva in (*unknown, *reads)), "")
        return _Written(newest, not unknown, place)


def _tick(write: LastWrite) -> int:
    return write.tick


def _before(machine: Machine, hpa: Hpa, tick: int) -> bool:
    """Whether what changed a byte without being seen must have done so before a tick."""
    since = machine.tracked.seen_from(hpa)
    return since is not None and since <= tick
