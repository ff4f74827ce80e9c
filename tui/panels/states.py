"""The states of a CPU and what became of it: a glyph, a word, a role and an explanation for
each."""

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from emu.judge.verdict import MEANINGS, CpuState, Fate
from emu.picture.view import CpuView
from tui.text import Role


class State(NamedTuple):
    """How a state looks and what it means."""

    glyph: str
    word: str
    role: Role
    meaning: str


STATES: Final[dict[CpuState, State]] = {
    "running": State("▶", "running", "busy", MEANINGS["running"]),
    "spinning": State("↻", "spinning", "dim", MEANINGS["spinning"]),
    "parked": State("○", "parked", "warn", MEANINGS["parked"]),
    "sidecar-idle": State("◌", "sidecar", "dim", MEANINGS["sidecar-idle"]),
    "online": State("●", "online", "good", MEANINGS["online"]),
    "halted": State("■", "halted", "dim", MEANINGS["halted"]),
    "mwait": State("▪", "mwait", "dim", MEANINGS["mwait"]),
    "wait-for-sipi": State("◇", "wait SIPI", "dim", MEANINGS["wait-for-sipi"]),
    "off": State("·", "off", "dim", MEANINGS["off"]),
    "failed": State("!", "failed", "bad", MEANINGS["failed"]),
    "shutdown": State("✗", "shutdown", "bad", MEANINGS["shutdown"]),
}
"""In the order in which a summary counts them."""
FATES: Final[dict[Fate, State]] = {
    "dead": State("✘", "dead", "bad", "what it did ended the machine"),
    "stuck": State("▲", "stuck", "bad", "nothing can ever move it on where it stands"),
    "lost": State("?", "lost", "bad", "the boot is over, and it never came to the OS"),
    "not offered": State("_", "not offered", "dim", "the host's tree disables it, or lacks it"),
}
"""What became of a CPU, where that is more than its state."""
EVERY: Final = (*STATES.values(), *FATES.values())
WORD_CELLS: Final = max(len(state.word) for state in EVERY)


def looks(cpu: CpuView) -> State:
    """How a CPU looks: what became of it, or what it does."""
    told = cpu.fate == "well" or cpu.state in ("failed", "shutdown")
    return STATES[cpu.state] if told else FATES[cpu.fate]


def counted(cpus: Iterable[CpuView]) -> list[tuple[State, int]]:
    """The looks that occur, those that are not well first, and how often."""
    found = Counter(map(looks, cpus))
    every = sorted(EVERY, key=lambda state: state.role != "bad")
    return [(state, found[state]) for state in every if found[state]]


def summary(cpus: Iterable[CpuView]) -> str:
    """How many CPUs look how."""
    return "  ".join(f"{count:,} {state.word}" for state, count in counted(cpus))
