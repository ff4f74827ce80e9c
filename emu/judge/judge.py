"""Judges what the machine noted by the rules of the protocol, and tells what it found."""

from typing import Final

from emu.errors import CommandError
from emu.judge.alike import Alike, Headed, alike, single
from emu.judge.endings import Endings
from emu.judge.rule_verdicts import RuleVerdict, verdicts
from emu.judge.verdict import Verdict
from emu.machine.log import Log
from emu.machine.machine import Machine
from emu.mailbox.course import Course
from emu.mailbox.dialect import ACPI, Dialect, LoopCode
from emu.mailbox.dialect import BY_NAME as DIALECTS
from emu.mailbox.observation import Listens, Observation
from emu.mailbox.order import order_words
from emu.mailbox.rule import Broken, Finding, Rule, each, folded
from emu.mailbox.rules import BY_NAME, CAUSES, ON, RULES
from emu.timeline.timeline import Timeline

BENCHES_MAX: Final = 8
"""Branches whose findings are remembered; others are judged again when somebody asks."""


def _course_of(machine: Machine) -> Course:
    """That of a machine before its first tick."""
    board = machine.board
    return Course(
        board.platform.apic_ids, DIALECTS.get(board.platform.dialect), board.is_td,
        knows_os=bool(board.roles.of("os-entry")),
    )  # fmt: skip


class _Bench:
    """One log's observations, judged as far as they are known."""

    def __init__(self, machine: Machine, log: Log[Observation]) -> None:
        self.log = log
        self._machine = machine
        self.course = _course_of(machine)
        self.found: list[tuple[int, Finding]] = []
        """(index of the observation, what a rule says of it)."""
        self.heard: list[tuple[int, Dialect, LoopCode | None]] = []
        """(observations up to there, the dialect from there on, the loop it was read from)."""
        self._judged = 0

    def take_over(self, other: "_Bench") -> None:
        """Begin where this log leaves another one: up to there the rules have said it all."""
        shared = self._shared_with(other)
        self.found = [one for one in other.found if one[0] < shared]
        self.heard = [one for one in other.heard if one[0] < shared]
        self._judged = shared
        if shared == other._judged:
            self.course = other.course.copy()
            return
        for index in range(shared):
            self.course.add(self.log.at(index))

    def _shared_with(self, other: "_Bench") -> int:
        """How many observations two logs begin with that are the same, and judged."""
        most = min(other._judged, self.log.known_count)
        mine, its = self.log, other.log
        return next((at for at in range(most) if mine.at(at) != its.at(at)), most)

    def catch_up(self) -> None:
        """Judge what is known by now."""
        while self._judged < self.log.known_count:
            seen = self.log.at(self._judged)
            self.found += [(self._judged, one) for one in self.look(seen)]
            self.course.add(seen)
            if isinstance(seen, Listens):
                self.heard.append((self._judged, self.course.dialect, self.course.loop))
            self._judged += 1

    def look(self, seen: Observation) -> list[Finding]:
        """What the rules say of one observation, apart from what its firmware is known for."""
        excused = self.course.dialect.excused
        return [
            self._finding(rule, seen, one)
            for rule in ON.get(seen.__class__, ())
            if rule.name not in excused
            for one in rule.look(seen, self.course)
        ]

    def _finding(self, rule: Rule, seen: Observation, one: Broken) -> Finding:
        cpu = seen.cpu if one.cpu is None else one.cpu
        own = () if cpu is None else (cpu,)
        return Finding(
            rule.name, one.severity or rule.severity, cpu, seen.tick,
            where(self._machine, seen.address), one.text,
            own if one.about is None else one.about, address=seen.address,
        )  # fmt: skip

    def spoken(self) -> tuple[Dialect, LoopCode | None, bool]:
        """The dialect where the log stands, the loop it was read from, and whether it is the
        platform's."""
        fixed = self.course.fixed
        past = [one for one in self.heard if one[0] < self.log.now]
        dialect, loop = past[-1][1:] if past else (fixed or ACPI, None)
        return dialect, loop, fixed is not None

    def told(self, verdict: Verdict | None, endings: Endings) -> tuple[Finding, ...]:
        """The findings up to where the log stands, and those on how it ended if it did."""
        some = [finding for index, finding in self.found if index < self.log.now]
        if verdict is not None:
            seen = endings.seen(self.course, verdict)
            some += [finding for one in seen for finding in self.look(one)]
        once: dict[tuple[str, int | None, str], Finding] = {}
        for one in some:
            once.setdefault((one.rule, one.cpu, one.where), one)
        return folded(sorted(once.values(), key=lambda one: one.tick), CAUSES)


class Judge:
    """The findings of a session, on whatever branch and at whatever moment it stands."""

    def __init__(self, machine: Machine, timeline: Timeline | None = None) -> None:
        self._machine = machine
        self._endings = Endings(machine, timeline)
        self._benches: list[_Bench] = []
        """Those used last, the newest at the end: a fork's parent is that."""

    @property
    def on(self) -> bool:
        """Whether the machine notes what the rules look at."""
        return self._machine.witness.on

    @property
    def tick(self) -> int:
        """Up to which the course is judged."""
        return self._machine.board.tick

    @property
    def noted(self) -> tuple[Log[Observation], int, int]:
        """The log that is judged, and how far it goes here and at the end of what is known."""
        log = self._machine.board.logs.observed
        return log, log.now, log.known_count

    def _bench(self) -> _Bench:
        """That of the log in use; a branch has one of its own."""
        log = self._machine.board.logs.observed
        bench = next((one for one in self._benches if one.log is log), None)
        if bench is None:
            bench = _Bench(self._machine, log)
            if self._benches:
                bench.take_over(self._benches[-1])
        else:
            self._benches.remove(bench)
        self._benches = [*self._benches, bench][-BENCHES_MAX:]
        bench.catch_up()
        return bench

    @property
    def kept(self) -> int:
        """How many branches' findings are remembered."""
        return len(self._benches)

    def findings(self, verdict: Verdict | None) -> tuple[Finding, ...]:
        """Each rule once for each CPU and place, in order of time, hints last."""
        bench = self._bench()
        at_end = bench.log.now == bench.log.known_count
        return bench.told(verdict if at_end else None, self._endings)

    def here(self) -> Course:
        """What has happened up to here, for `beyond`."""
        log, bench = self._machine.board.logs.observed, self._bench()
        if log.now == log.known_count:
            return bench.course.copy()
        course = _course_of(self._machine)
        for seen in log:
            course.add(seen)
        return course

    def beyond(
        self, course: Course, observed: Log[Observation], verdict: Verdict | None
    ) -> tuple[Finding, ...]:
        """The findings on what came after a course, whether it was on a branch or not; the
        machine stands at its end."""
        bench = _Bench(self._machine, observed)
        bench.course = course.copy()
        bench.catch_up()
        return bench.told(verdict, Endings(self._machine, None))  # the timeline is elsewhere

    def dialect(self) -> str:
        """The dialect in force, and whence it is known."""
        dialect, loop, fixed = self._bench().spoken()
        how = "by the platform" if fixed else "as it looks" if loop else "nobody waits yet"
        code = "" if loop is None else f"; its loop {loop.words}"
        ways = ", ".join(dialect.excused)
        left = f"; not told, as it is this firmware's way: {ways}" if ways else ""
        return f"dialect {dialect.name} ({how}): {dialect.words}{code}{left}"

    def loop(self) -> str:
        """The loop in which the APs wait: what it reads in which order, and whether that is
        safe."""
        dialect, loop, _ = self._bench().spoken()
        if loop is None:
            return "loop: no AP was seen to wait at the mailbox"
        return f"loop of dialect {dialect.name}: {loop.words}; {order_words(loop)}"

    def verdicts(self, verdict: Verdict | None) -> tuple[RuleVerdict, ...]:
        """What each rule says up to here."""
        bench = self._bench()
        dialect, _, _ = bench.spoken()
        seen = (bench.log.at(index) for index in range(bench.log.now))
        return verdicts(seen, self.findings(verdict), dialect)


def where(machine: Machine, address: int) -> str:
    """`poll+0x3 at loop.S:62`; empty for no address."""
    if not address:
        return ""
    name = machine.board.layout.symbols.name(address) or f"{address:#x}"
    line = machine.board.layout.lines.line_of(address)
    return name if line is None else f"{name} at {line[0]}:{line[1]}"


def lines(judge: Judge, verdict: Verdict | None, name: str = "") -> tuple[str, ...]:
    """The findings, one block each; raises CommandError for a rule that there is not."""
    if name and name not in BY_NAME:
        raise CommandError(f"findings: there is no rule {name!r}: `rules` lists them")
    if not judge.on:
        raise CommandError("findings: the rules are switched off")
    rows = [judge.dialect()]
    found = judge.findings(verdict)
    some = [one for one in each(found) if one.rule == name] if name else list(found)
    for group in alike(some) if not name else map(single, some):
        rows += block(group)
    return tuple(rows) if some else (*rows, f"no finding up to tick {judge.tick:,}")


def block(group: Alike[Finding]) -> list[str]:
    """A finding, or several that are alike, in four lines, and two more for each of the
    consequences of the first."""
    one = group.first
    rule = BY_NAME[one.rule]
    return [
        head(one, group.who),
        f"    {group.text}",
        f"    follows: {rule.follows}",
        f"    look at: {rule.look_at}",
        *(row for below in one.consequences
          for row in (f"    so {head(below)}", f"        {below.text}")),
    ]  # fmt: skip


def head(one: Headed, who: str = "") -> str:
    """`error RULE: cpu 2, tick 1,234, poll+0x3 at loop.S:62`."""
    who = who or ("host" if one.cpu is None else f"cpu {one.cpu}")
    place = f", {one.where}" if one.where else ""
    return f"{one.severity} {one.rule}: {who}, tick {one.tick:,}{place}"


def rules() -> tuple[str, ...]:
    """Every rule with what must hold and who says so."""
    rows: list[str] = []
    for rule in RULES:
        rows += [f"{rule.name} ({rule.severity}): {rule.says}", f"    {rule.source}"]
    return tuple(rows)
