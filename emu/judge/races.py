"""Finds bytes that two CPUs touch, one of them storing, with nothing that orders the two.

The branch is run once more with every access looked at. What orders is what orders on x86 in
real code: locked instructions, the mailbox, words that somebody polls in a waiting loop, what
the source calls `__atomic_...`, and the start of a CPU. A store to such a word releases all
that its CPU has done before, a load of it acquires what was released there (vector clocks:
Mattern; FastTrack). All other words must be ordered by these.
"""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from emu.boot import disasm
from emu.boot.disasm import Instruction
from emu.boot.flow import flow
from emu.errors import CommandError
from emu.hw.address import Hpa, page_of
from emu.judge import judge
from emu.judge.alike import single
from emu.machine.code import INSTRUCTION_BYTES
from emu.machine.every_access import EveryAccess, Touch
from emu.machine.machine import Machine
from emu.mailbox.course import Course
from emu.mailbox.observation import Raced, Started
from emu.mailbox.rule import Finding
from emu.mailbox.rules import data_race
from emu.timeline.moment import Moment
from emu.timeline.search import from_here
from emu.timeline.timeline import Timeline

WORD: Final = 8
LOOP_MAX: Final = 48
"""Instructions behind a load among which a waiting loop is looked for."""
RACES_MAX: Final = 64
"""Pairs of places that are told."""
PLACES_SHOWN: Final = 3
"""Of one page and two CPUs."""
_DECLARED: Final = "__atomic_"
Clock = dict[int, int]
"""CPU -> how far it had come; absent is 0."""


def races(machine: Machine, timeline: Timeline) -> tuple[Raced, ...]:
    """The races of this branch up to now, the first of each pair of places; raises
    CommandError where there is too much to look at."""
    probe = EveryAccess()
    with from_here(timeline):
        end = timeline.now
        timeline.goto(Moment(0))
        machine.board.look_at(probe)
        timeline.retrace(end)
        machine.board.look_at()
        if probe.full:
            raise CommandError(f"races: there are more than {len(probe):,} accesses to look at")
        words = _Words(machine)
        shared = _shared(probe)
        orders = {
            place
            for touch in probe
            for place in _places(touch)
            if place in shared and words.orders(touch)
        }
        return _Order(machine, shared, orders).found(probe)


def findings(machine: Machine, timeline: Timeline) -> tuple[Finding, ...]:
    """The races as findings of their rule."""
    course = Course(machine.board.platform.apic_ids)
    found = races(machine, timeline)
    return tuple(finding for one in found for finding in _findings(machine, course, one))


def _findings(machine: Machine, course: Course, one: Raced) -> Iterator[Finding]:
    rule = data_race.RULE
    for broken in rule.look(one, course):
        place = judge.where(machine, one.address)
        yield Finding(
            rule.name, rule.severity, one.cpu, one.tick, place, broken.text,
            address=one.address,
        )  # fmt: skip


def lines(
    machine: Machine, timeline: Timeline, *, all_: bool = False, page: int | None = None
) -> tuple[str, ...]:
    """The races in words, together by page and pair of CPUs; each of them with `all_`, or those
    of one guest-physical page."""
    course = Course(machine.board.platform.apic_ids)
    found = races(machine, timeline)
    if page is not None:
        found = tuple(one for one in found if page_of(one.gpa) == page)
    if all_ or page is not None:
        each = (finding for one in found for finding in _findings(machine, course, one))
        rows = [row for one in each for row in judge.block(single(one))]
    else:
        rows = _grouped(machine, found)
    return tuple(rows) or ("no CPUs touch the same bytes in no order",)


def _grouped(machine: Machine, found: tuple[Raced, ...]) -> list[str]:
    """For each page and pair of CPUs how often, and the first places."""
    groups: dict[tuple[int, int, int], list[Raced]] = {}
    for one in found:
        pair = sorted((one.cpu or 0, one.other))
        groups.setdefault((page_of(one.gpa), pair[0], pair[1]), []).append(one)
    rows: list[str] = []
    for (page, first, second), some in groups.items():
        name = machine.board.layout.symbols.name(page)
        what = f"page {page:#x}" + (f" ({name})" if name else "")
        count = f"{len(some):,} pair{'s' * (len(some) != 1)} of places"
        rows.append(
            f"{data_race.RULE.severity} {data_race.RULE.name}: {what}, cpus {first} and "
            f"{second}: {count} in no order, the first at tick {some[0].tick:,}"
        )
        for one in some[:PLACES_SHOWN]:
            here = judge.where(machine, one.address)
            rows.append(f"    {one.gpa:#x}: cpu {one.cpu} at {here}")
            rows.append(f"        behind cpu {one.other} at {one.other_place}")
        left = len(some) - PLACES_SHOWN
        if left > 0:
            rows.append(f"    and {left:,} more: `races {page:#x}`, or `races all`")
    if rows:
        rows.append(f"    follows: {data_race.RULE.follows}")
        rows.append(f"    look at: {data_race.RULE.look_at}")
    return rows


def _places(touch: Touch) -> range:
    """The aligned words that an access lies in."""
    return range(touch.hpa & -WORD, touch.hpa + touch.size, WORD)


def _shared(probe: EveryAccess) -> set[int]:
    """The words that more than one CPU touches and somebody stores to."""
    users: dict[int, int] = {}
    stored: set[int] = set()
    for touch in probe:
        for place in _places(touch):
            users[place] = users.get(place, 0) | 1 << touch.cpu
            if touch.stores:
                stored.add(place)
    return {place for place in stored if users[place] & (users[place] - 1)}


class _Words:
    """Which accesses are made to order others."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._polls = {at for loop in machine.waits.loops for at in loop.path}
        self._known: dict[int, bool] = {}

    def orders(self, touch: Touch) -> bool:
        """Whether the word of this access is one that orders."""
        if touch.address in self._polls and not touch.stores:
            return True
        known = self._known.get(touch.address)
        if known is None:
            known = self._known[touch.address] = self._declared(touch)
        return known

    def _declared(self, touch: Touch) -> bool:
        """A locked instruction, one whose line of source says that it is atomic, or a load of
        a loop that waits."""
        machine = self._machine
        code = self._decode(touch.cpu, touch.address)
        if code is not None and code.mnemonic.startswith(("lock ", "xchg")):
            return True
        line = machine.board.layout.lines.line_of(touch.address)
        if line is not None and _DECLARED in (machine.board.layout.lines.text(*line) or ""):
            return True
        return not touch.stores and code is not None and self._waits(touch.cpu, code)

    def _waits(self, cpu: int, load: Instruction) -> bool:
        """Whether a load is in a loop with a PAUSE, or is the first round of one, which
        compilers put before it."""
        found = flow(lambda at: self._decode(cpu, at), (load.address,), LOOP_MAX)
        for pause in [at for at, code in found.codes.items() if code.mnemonic == "pause"]:
            around = found.leading_to(pause)
            if any(
                pause in found.leading_to(at) and found.codes[at].memory == load.memory
                for at in around
            ):
                return True
        return False

    def _decode(self, cpu: int, at: int) -> Instruction | None:
        registers = self._machine.board.cpus[cpu].registers
        data = self._machine.board.virtual.most(registers, at, INSTRUCTION_BYTES)
        return disasm.decode(data, at, registers.coding)


class _History(Struct):
    """Who touched a word last: CPU -> (its clock, bytes of the word, address of the code)."""

    stores: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    loads: dict[int, tuple[int, int, int]] = field(default_factory=dict)


class _Order:
    """What has happened before what, by vector clocks."""

    def __init__(self, machine: Machine, shared: set[int], orders: set[int]) -> None:
        self._machine = machine
        self._shared, self._orders = shared, orders
        box = (
            None
            if machine.board.mailbox_gpa is None
            else machine.board.npt.hpa_of(machine.board.mailbox_gpa)
        )
        self._mailbox = box
        self._clocks: list[Clock] = [{cpu.id: 1} for cpu in machine.board.cpus]
        self._released: dict[int, Clock] = {}
        self._histories: dict[int, _History] = {}
        self._starts = [one for one in machine.board.logs.observed if isinstance(one, Started)]
        self._found: dict[tuple[int, int], Raced] = {}

    def found(self, probe: EveryAccess) -> tuple[Raced, ...]:
        """The first race of each pair of places."""
        begun = 0
        for touch in probe:
            while begun < len(self._starts) and self._starts[begun].tick < touch.tick:
                self._started(self._starts[begun])
                begun += 1
            for place in _places(touch):
                if place in self._shared:
                    self._touch(place, touch)
            if len(self._found) >= RACES_MAX:
                break
        return tuple(self._found.values())

    def _started(self, seen: Started) -> None:
        if seen.cpu is not None:
            _join(self._clocks[seen.target], self._clocks[seen.cpu])
            self._clocks[seen.cpu][seen.cpu] += 1

    def _touch(self, place: int, touch: Touch) -> None:
        clock = self._clocks[touch.cpu]
        if place in self._orders or page_of(place) == self._mailbox:
            # A locked instruction is reported as a load and a store.
            if touch.stores:
                _join(self._released.setdefault(place, {}), clock)
                clock[touch.cpu] += 1
            elif place in self._released:
                _join(clock, self._released[place])
            return
        first = max(touch.hpa, place)
        mask = sum(
            1 << at - place for at in range(first, min(touch.hpa + touch.size, place + 8))
        )
        history = self._histories.setdefault(place, _History())
        self._look(history.stores, mask, first, touch)
        if touch.stores:
            self._look(history.loads, mask, first, touch)
        now = clock[touch.cpu], mask, touch.address
        (history.stores if touch.stores else history.loads)[touch.cpu] = now

    def _look(
        self, others: dict[int, tuple[int, int, int]], mask: int, hpa: int, touch: Touch
    ) -> None:
        """Whether what another CPU did last to these bytes is ordered before this."""
        clock = self._clocks[touch.cpu]
        for cpu, (when, bytes_, address) in others.items():
            if cpu == touch.cpu or not bytes_ & mask or when <= clock.get(cpu, 0):
                continue
            pair = touch.address, address
            if pair not in self._found:
                self._found[pair] = self._raced(touch, hpa, cpu, address)

    def _raced(self, touch: Touch, hpa: int, other: int, address: int) -> Raced:
        machine = self._machine
        page = machine.board.ram.page_at(Hpa(hpa))
        gpa = hpa if page is None else page + hpa % 4096
        place = judge.where(machine, address)
        return Raced(touch.tick, 0, touch.cpu, touch.address, gpa, other, place)


def _join(clock: Clock, other: Clock) -> None:
    for cpu, when in other.items():
        if when > clock.get(cpu, 0):
            clock[cpu] = when
