"""Deliberate breakage: what waits for its moment, what lasts, and what one CPU alone sees.

Everything here is a value, so that a snapshot keeps it and a replay breaks the same things at
the same moments. What a kind of injection does is `emu.inject`' business.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from emu.errors import CommandError
from emu.hw.address import Gpa, Hpa
from emu.hw.cpu import Cpu
from emu.machine.views import SavedViews, Views
from emu.vmm.asked import Asked
from emu.vmm.effects import Effects
from emu.vmm.wanted import Wanted

if TYPE_CHECKING:
    from emu.machine.machine import Machine

Act = Callable[["Machine", Cpu | None], None]
"""Breaks something; the CPU is the one whose doing was waited for."""
NEVER: Final = 1 << 62


class Trigger(Struct, frozen=True):
    """What an injection waits for. `number`: a tick or picoseconds; `wanted`: an exit; `text`:
    what the words of an event contain, or the mailbox's field; `cpu`: only by this one."""

    kind: Literal["tick", "time", "code", "mailbox", "exit", "event"]
    number: int = 0
    wanted: Wanted = Wanted()
    text: str = ""
    addresses: frozenset[int] = frozenset()
    value: int | None = None
    """The new value of a mailbox field."""
    cpu: int | None = None

    def met_by(self, cpu: Cpu | None) -> bool:
        """Whether it is a CPU that is waited for."""
        return self.cpu is None or (cpu is not None and cpu.id == self.cpu)


class Armed(Struct, frozen=True):
    """An injection that waits for its moment, the `left`-th one from now."""

    spec: str
    trigger: Trigger
    act: Act
    left: int = 1


class Fired(Struct, frozen=True):
    """An injection that has happened, or could not happen."""

    spec: str
    tick: int
    problem: str = ""


class Twist(Struct, frozen=True):
    """Something of the VMM that stays broken; a frozen value."""

    def decided(
        self, machine: "Machine", cpu: Cpu, asked: Asked, effects: Effects
    ) -> tuple[Effects, "Twist | None"]:
        """What becomes of the decision on what a CPU asked for. Also what is left of the twist:
        None if it is used up."""
        return effects, self


class Lasting(Struct, frozen=True):
    """A twist in force."""

    spec: str
    """The injection that it came by."""
    twist: Twist
    met: bool = False
    """Whether it has changed anything yet."""


class SavedInjected(NamedTuple):
    """What an Injected was at one moment."""

    armed: tuple[Armed, ...]
    fired: tuple[Fired, ...]
    twists: tuple[Lasting, ...]
    passed: tuple[tuple[int, tuple[int, int]], ...]
    buffered: dict[int, int]
    views: SavedViews


class Injected:
    """All injections of one machine."""

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine
        self.armed: tuple[Armed, ...] = ()
        self.fired: tuple[Fired, ...] = ()
        self.twists: tuple[Lasting, ...] = ()
        self._acting = ""
        """The injection that is being carried out."""
        self.views = Views(machine)
        self.buffered: dict[int, int] = {}
        """CPUs whose stores to pages that others look at wait in a store buffer -> for how
        many picoseconds."""
        self._passed: dict[int, tuple[int, int]] = {}
        """CPU -> the place at which it was met last, and the CPU's ticks then: a stop there
        does not make it pass twice."""
        self.addresses: frozenset[int] = frozenset()
        """Linear addresses at which something waits."""
        self.next_tick, self.next_ps = NEVER, NEVER
        self._kinds: frozenset[str] = frozenset()

    def save(self) -> SavedInjected:
        """Everything, for `load`."""
        return SavedInjected(
            self.armed, self.fired, self.twists, tuple(self._passed.items()),
            dict(self.buffered), self.views.save(),
        )  # fmt: skip

    def load(self, saved: SavedInjected) -> None:
        """Be again what `save` saw."""
        self.fired, self.twists = saved.fired, saved.twists
        self._passed = dict(saved.passed)
        self.buffered = dict(saved.buffered)
        self.views.load(saved.views)
        self._wait_for(saved.armed)

    def _wait_for(self, armed: tuple[Armed, ...]) -> None:
        if armed == self.armed:
            return
        self.armed = armed
        triggers = [one.trigger for one in armed]
        self._kinds = frozenset(trigger.kind for trigger in triggers)
        self.next_tick = min((t.number for t in triggers if t.kind == "tick"), default=NEVER)
        self.next_ps = min((t.number for t in triggers if t.kind == "time"), default=NEVER)
        addresses = frozenset(place for t in triggers for place in t.addresses)
        if addresses != self.addresses:
            self.addresses = addresses
            self._machine.places.refresh()

    # -- from outside -----------------------------------------------------------------------

    def arm(self, one: Armed) -> None:
        """Something is to happen later."""
        self._wait_for((*self.armed, one))

    def twist(self, one: Twist, *, beside: bool = False) -> None:
        """From now on something is broken. `beside`: the injection has done more than that,
        so that it was not in vain if nothing ever meets this."""
        self.twists = (*self.twists, Lasting(self._acting, one, met=beside))

    @property
    def idle(self) -> tuple[str, ...]:
        """Injections in force that have changed nothing so far."""
        return tuple(one.spec for one in self.twists if one.spec and not one.met)

    def now(self, spec: str, act: Act) -> None:
        """Something is broken now; raises CommandError, and then nothing is."""
        self._act(spec, act, None)
        self._tell(Fired(spec, self._machine.tick))

    def _act(self, spec: str, act: Act, cpu: Cpu | None) -> None:
        before, self._acting = self._acting, spec
        try:
            act(self._machine, cpu)
        finally:
            self._acting = before

    def later(self, spec: str, at_ps: int, act: Act) -> None:
        """Something happens as soon as the machine's time has reached a moment."""
        self.arm(Armed(spec, Trigger("time", number=at_ps), act))

    # -- moments ----------------------------------------------------------------------------

    def at_tick(self, cpu: Cpu) -> None:
        """So many instructions have been executed."""
        self._meet("tick", cpu, lambda trigger: trigger.number <= self._machine.tick)

    def due_ps(self) -> int | None:
        """When the next injection that waits for a time is to happen."""
        return self.next_ps if self.next_ps < NEVER else None

    def ring(self) -> None:
        """Every CPU that runs has come to that moment of its clock."""
        moment_ps = self.next_ps
        self._meet("time", None, lambda trigger: trigger.number <= moment_ps)

    def at_code(self, cpu: Cpu, address: int) -> None:
        """A CPU is about to execute the instruction at an address."""
        if address not in self.addresses or self._passed.get(cpu.id) == (address, cpu.ticks):
            return
        self._passed[cpu.id] = address, cpu.ticks
        self._meet("code", cpu, lambda trigger: address in trigger.addresses)

    def at_mailbox(self, cpu: Cpu | None, field: str, value: int) -> None:
        """A field of the mailbox has another value."""
        self._meet(
            "mailbox", cpu,
            lambda trigger: trigger.text == field and trigger.value in (None, value),
        )  # fmt: skip

    def at_exit(self, cpu: Cpu, asked: Asked) -> None:
        """An exit is about to be decided."""
        if "exit" in self._kinds:
            self._meet("exit", cpu, lambda trigger: trigger.wanted.meets(asked))

    def at_event(self, cpu: Cpu | None, text: str) -> None:
        """An event has happened."""
        if "event" in self._kinds:
            lower = text.lower()
            self._meet("event", cpu, lambda trigger: trigger.text in lower)

    def _meet(self, kind: str, cpu: Cpu | None, means: Callable[[Trigger], bool]) -> None:
        """A moment of a kind: those that wait for it count it, and the last one fires."""
        if kind not in self._kinds:
            return
        met = [
            one
            for one in self.armed
            if one.trigger.kind == kind and one.trigger.met_by(cpu) and means(one.trigger)
        ]
        for one in met:
            place = self.armed.index(one)
            kept = () if one.left <= 1 else (replace(one, left=one.left - 1),)
            self._wait_for((*self.armed[:place], *kept, *self.armed[place + 1 :]))
            if not kept:
                self._fire(one, cpu)

    def _fire(self, one: Armed, cpu: Cpu | None) -> None:
        machine = self._machine
        before, machine.at_work = machine.at_work, None
        problem = ""
        try:
            self._act(one.spec, one.act, cpu)
        except CommandError as error:
            problem = str(error)
        machine.beat += 1
        machine.reschedule = True
        if one.spec:
            self._tell(Fired(one.spec, machine.tick, problem))
        for probe in machine.probes:
            probe.compare(machine, "host")
        machine.at_work = before

    def _tell(self, fired: Fired) -> None:
        self.fired = (*self.fired, fired)
        words = f"{fired.spec}: cannot be: {fired.problem}" if fired.problem else fired.spec
        self._machine.event(None, "inject", words)

    def stored(self, cpu: Cpu, gpa: Gpa, hpa: Hpa, before: bytes, at: int) -> bool:
        """Whether a store goes into the CPU's store buffer: nobody else sees it yet."""
        wait = self.buffered.get(cpu.id)
        if wait is None or self._machine.on_trial or self.views.goes_past(cpu, at):
            return False
        count = len(self.views.hidden)
        self.views.stored(cpu, gpa, hpa, before, at)
        if len(self.views.hidden) > count:
            moment = cpu.clock_ps + wait
            self.later("", moment, lambda _, __: self.views.drain(cpu.id, 1, moment))
        return True

    # -- what lasts -------------------------------------------------------------------------

    def twisted(self, cpu: Cpu, asked: Asked, effects: Effects) -> Effects:
        """A decision, as the twists in force leave it."""
        left: list[Lasting] = []
        for one in self.twists:
            changed, kept = one.twist.decided(self._machine, cpu, asked, effects)
            if kept is not None:
                met = one.met or changed != effects or kept != one.twist
                left.append(replace(one, twist=kept, met=met))
            effects = changed
        self.twists = tuple(left)
        return effects


def disturb(machine: "Machine") -> None:
    """Whoever waits looks again: what loops rely on (tables, clocks, answers) may differ."""
    for cpu in machine.cpus:
        machine.waits.wake(cpu, machine.now_ps())
    machine.tables_changed()
