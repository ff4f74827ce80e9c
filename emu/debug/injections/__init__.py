"""Deliberate breakage: one kind a file, each with its words and what it does."""

from typing import Final

from emu.debug.injections import host_write, interrupt, nmi, stall
from emu.debug.injections.kind import Kind
from emu.errors import CommandError
from emu.machine.machine import Machine

KINDS: Final[tuple[Kind, ...]] = (nmi.KIND, interrupt.KIND, stall.KIND, host_write.KIND)
"""Every kind: a new one is one file and one line here."""


def inject(machine: Machine, words: list[str]) -> None:
    """Break something now; raises CommandError, and then nothing is broken."""
    kind = next((kind for kind in KINDS if words and kind.name == words[0]), None)
    if kind is None:
        raise CommandError(f"inject: the kinds are {', '.join(kind.name for kind in KINDS)}")
    if len(words) - 1 != len(kind.parameters):
        raise CommandError(f"inject: {kind.usage}")
    values = []
    for word, parameter in zip(words[1:], kind.parameters, strict=True):
        try:
            values.append(int(word.replace(",", "_"), 0))
        except ValueError:
            raise CommandError(
                f"inject {kind.name}: {parameter}: {word!r} is no number"
            ) from None
        if values[-1] < 0:
            raise CommandError(f"inject {kind.name}: {parameter}: {word!r} is below 0")
    if kind.parameters[0] == "CPU" and values[0] >= len(machine.cpus):
        raise CommandError(f"inject {kind.name}: there is no cpu {values[0]}")
    kind.carry_out(machine, values)
