"""Every kind of injection, and how the words of one are carried out.

`KIND PARAMETERS [at MOMENT]`: without a moment it is broken at once, or at the moment that the
kind itself has in mind.
"""

from typing import Final

from emu.boot.platform import Platform
from emu.errors import CommandError
from emu.given.nearest import did_you_mean
from emu.given.plain import shown
from emu.hw.cpu import Cpu
from emu.inject import cpu, memory, protocol, vmm
from emu.inject.kind import Given, InjectionKind
from emu.inject.when import when
from emu.machine.injected import Armed
from emu.machine.machine import Machine, MachineDeed

KINDS: Final[tuple[InjectionKind, ...]] = (
    *cpu.KINDS,
    *memory.KINDS,
    *vmm.KINDS,
    *protocol.KINDS,
)
_NOT_STARTED: Final = ("off", "wait-for-sipi")
BY_NAME: Final = {kind.name: kind for kind in KINDS}
KINDS_NAMED: Final = 20
"""A sentence names no more."""


def of_platform(platform: Platform) -> list[InjectionKind]:
    """The kinds that a platform has."""
    return [kind for kind in KINDS if not kind.lacking(platform)]


class Breakage(MachineDeed, frozen=True):
    """A kind of injection with its parameters, read and checked."""

    kind: str
    values: tuple[tuple[str, int | str], ...]

    def happen(self, machine: Machine, met_by: Cpu | None) -> None:
        """What the kind says."""
        BY_NAME[self.kind].carry_out(Given(machine, dict(self.values), met_by))


def inject(machine: Machine, text: str) -> None:
    """Break something, now or at its moment; raises CommandError, and then nothing is
    broken."""
    words = text.split()
    kind = BY_NAME.get(words[0]) if words else None
    if kind is None:
        raise CommandError(_no_kind(words[0] if words else ""))
    why = kind.lacking(machine.board.platform)
    if why:
        raise CommandError(f"inject {kind.name}: {why}")
    end = words.index("at") if "at" in words else len(words)
    values = _values(machine, kind, words[1:end])
    moment = words[end + 1 :]
    if end == len(words):
        own_moment = kind.when or _until_started(machine, kind, values)
        moment = own_moment.format(**values, **_more(machine, values)).split()
    elif not moment:
        raise CommandError(f"inject {kind.name}: at needs a moment")

    deed = Breakage(kind.name, tuple(values.items()))
    spec = " ".join(words)
    if moment:
        trigger, nth = when(machine, moment)
        machine.injected.arm(Armed(spec, trigger, deed, nth))
        return
    try:
        machine.injected.now(spec, deed)
    except CommandError as error:
        raise CommandError(f"{error}; a moment can be named: {spec} at MOMENT") from None


def _no_kind(word: str) -> str:
    """For a word that names none: what was meant, or some of those that there are."""
    near = did_you_mean(word, BY_NAME)
    if near:
        return f"inject: there is no kind {shown(word)}{near}"
    some = ", ".join(list(BY_NAME)[:KINDS_NAMED])
    return f"inject: the kinds are {some}, ...; `help inject` lists all {len(BY_NAME)}"


def _until_started(machine: Machine, kind: InjectionKind, values: dict[str, int | str]) -> str:
    """The moment for which a kind waits that needs a CPU which has not started yet."""
    cpu = machine.board.cpus[int(values["CPU"])] if kind.not_started else None
    waits = cpu is not None and (cpu.context is None or cpu.activity in _NOT_STARTED)
    return kind.not_started if waits else ""


def _more(machine: Machine, values: dict[str, int | str]) -> dict[str, int]:
    """What a kind's own moment may name beside its parameters: the APIC id of its CPU."""
    cpu = values.get("CPU")
    return {"APIC": machine.board.platform.apic_ids[cpu]} if isinstance(cpu, int) else {}


def _values(machine: Machine, kind: InjectionKind, words: list[str]) -> dict[str, int | str]:
    """The parameters of a kind by name; raises CommandError."""
    needed = [one for one in kind.parameters if one.default is None]
    if not len(needed) <= len(words) <= len(kind.parameters):
        raise CommandError(f"inject: {kind.usage}: {kind.help}")
    values = {}
    for place, one in enumerate(kind.parameters):
        word = words[place] if place < len(words) else one.default
        assert word is not None, "what has no default was given"
        values[one.name] = one.read(machine, word, f"inject {kind.name}: {one.name}")
    return values
