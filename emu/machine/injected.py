"""Deliberate breakage: what waits for its moment, what lasts, and what one CPU alone sees.

Everything here is a value, so that a snapshot keeps it and a replay breaks the same things at
the same moments. What a kind of injection does is `emu.inject`' business.
"""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from emu.errors import CommandError
from emu.hw.cpu import Cpu
from emu.machine.arrivals import Passed
from emu.machine.board import Board
from emu.machine.tracked import PageStore
from emu.vmm.asked import Asked
from emu.vmm.effects import Effects
from emu.vmm.wanted import Wanted

NEVER: Final = 1 << 62


class Deed(Struct, frozen=True):
    """What is broken, as a value: a snapshot keeps it, and another process knows it again.
    `emu.machine.machine.MachineDeed` says how it is done."""


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
    deed: Deed
    left: int = 1


class Fired(Struct, frozen=True):
    """An injection that has happened, or could not happen."""

    spec: str
    tick: int
    problem: str = ""


class Twist(Struct, frozen=True):
    """Something of the VMM that stays broken; a frozen value."""

    def decided(
        self, injected: "Injected", cpu: Cpu, asked: Asked, effects: Effects
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


class Injected:
    """All injections of one machine. `carry_out` does a deed; it raises CommandError where
    that cannot be done. It is one of the alarms."""

    def __init__(self, board: Board, carry_out: Callable[[Deed, Cpu | None], None]) -> None:
        self.board = board
        self._carry_out = carry_out
        self.armed: tuple[Armed, ...] = ()
        self.fired: tuple[Fired, ...] = ()
        self.twists: tuple[Lasting, ...] = ()
        self._acting = ""
        """The injection that is being carried out."""
        self._passed: dict[int, tuple[int, int]] = {}
        """CPU -> the place at which it was met last, and the CPU's ticks then: a stop there
        does not make it pass twice."""
        self.next_tick = NEVER
        self._next_ps: int | None = None
        self._kinds: frozenset[str] = frozenset()

    def save(self) -> SavedInjected:
        """Everything, for `load`."""
        return SavedInjected(self.armed, self.fired, self.twists, tuple(self._passed.items()))

    def load(self, saved: SavedInjected) -> None:
        """Be again what `save` saw."""
        self.fired, self.twists = saved.fired, saved.twists
        self._passed = dict(saved.passed)
        self._wait_for(saved.armed)

    def _wait_for(self, armed: tuple[Armed, ...]) -> None:
        if armed == self.armed:
            return
        self.armed = armed
        triggers = [one.trigger for one in armed]
        self._kinds = frozenset(trigger.kind for trigger in triggers)
        self.next_tick = min((t.number for t in triggers if t.kind == "tick"), default=NEVER)
        self._next_ps = min((t.number for t in triggers if t.kind == "time"), default=None)
        addresses = frozenset(place for t in triggers for place in t.addresses)
        self.board.addresses.watch("injection", addresses)

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

    def now(self, spec: str, deed: Deed) -> None:
        """Something is broken now; raises CommandError, and then nothing is."""
        self._do(spec, deed, None)
        self._tell(Fired(spec, self.board.tick))

    def _do(self, spec: str, deed: Deed, cpu: Cpu | None) -> None:
        before, self._acting = self._acting, spec
        try:
            self._carry_out(deed, cpu)
        finally:
            self._acting = before

    def later(self, spec: str, at_ps: int, deed: Deed) -> None:
        """Something happens as soon as the machine's time has reached a moment."""
        self.arm(Armed(spec, Trigger("time", number=at_ps), deed))

    # -- moments ----------------------------------------------------------------------------

    def at_tick(self, cpu: Cpu) -> None:
        """So many instructions have been executed."""
        self._meet("tick", cpu, lambda trigger: trigger.number <= self.board.tick)

    def due_ps(self, _: Board) -> int | None:
        """When the first of those that wait for a time is to happen."""
        return self._next_ps

    def ring(self, _: Board) -> None:
        """Every CPU that runs has come to that moment of its clock."""
        moment_ps = self._next_ps
        assert moment_ps is not None, "an alarm rings when it is due"
        self._meet("time", None, lambda trigger: trigger.number <= moment_ps)

    def passed(self, cpu: Cpu, passed: Passed) -> None:
        """A CPU is about to execute the instruction at an address."""
        address = passed.address
        if address not in self.board.addresses.of("injection"):
            return
        if self._passed.get(cpu.id) == (address, cpu.ticks):
            return
        self._passed[cpu.id] = address, cpu.ticks
        self._meet("code", cpu, lambda trigger: address in trigger.addresses)

    def stored(self, store: PageStore) -> None:
        """Fields of the mailbox have other values."""
        for field, _, new in store.fields:
            self._at_mailbox(store.cpu, field.name, new)

    def _at_mailbox(self, cpu: Cpu | None, field: str, value: int) -> None:
        self._meet(
            "mailbox", cpu,
            lambda trigger: trigger.text == field and trigger.value in (None, value),
        )  # fmt: skip

    def at_exit(self, cpu: Cpu, asked: Asked) -> None:
        """An exit is about to be decided."""
        if "exit" in self._kinds:
            self._meet("exit", cpu, lambda trigger: trigger.wanted.meets(asked))

    def heard(self, cpu: Cpu | None, text: str) -> None:
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
        board = self.board
        before, board.at_work = board.at_work, None
        problem = ""
        try:
            self._do(one.spec, one.deed, cpu)
        except CommandError as error:
            problem = str(error)
        board.beat += 1
        board.reschedule = True
        if one.spec:
            self._tell(Fired(one.spec, board.tick, problem))
        board.compare("host")
        board.at_work = before

    def _tell(self, fired: Fired) -> None:
        self.fired = (*self.fired, fired)
        words = f"{fired.spec}: cannot be: {fired.problem}" if fired.problem else fired.spec
        self.board.event(None, "inject", words)

    # -- what lasts -------------------------------------------------------------------------

    def twisted(self, cpu: Cpu, asked: Asked, effects: Effects) -> Effects:
        """A decision, as the twists in force leave it."""
        left: list[Lasting] = []
        for one in self.twists:
            changed, kept = one.twist.decided(self, cpu, asked, effects)
            if kept is not None:
                met = one.met or changed != effects or kept != one.twist
                left.append(replace(one, twist=kept, met=met))
            effects = changed
        if not self.board.on_trial:
            self.twists = tuple(left)  # what is taken back has met nothing
        return effects
