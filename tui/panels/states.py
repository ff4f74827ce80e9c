"""The states of a CPU: a letter, a word, a role and an explanation for each."""

from collections import Counter
from typing import Final, NamedTuple

from emu.judge.verdict import MEANINGS, CpuState
from emu.picture.view import CpuView
from tui.text import Role


class State(NamedTuple):
    """How a state looks and what it means."""

    glyph: str
    word: str
    role: Role
    meaning: str


STATES: Final[dict[CpuState, State]] = {
    "running": State(">", "running", "busy", MEANINGS["running"]),
    "spinning": State("z", "spinning", "dim", MEANINGS["spinning"]),
    "parked": State("p", "parked", "warn", MEANINGS["parked"]),
    "online": State("+", "online", "good", MEANINGS["online"]),
    "halted": State("h", "halted", "dim", MEANINGS["halted"]),
    "wait-for-sipi": State("w", "wait SIPI", "dim", MEANINGS["wait-for-sipi"]),
    "off": State("-", "off", "dim", MEANINGS["off"]),
    "failed": State("!", "failed", "bad", MEANINGS["failed"]),
    "shutdown": State("x", "shutdown", "bad", MEANINGS["shutdown"]),
}
"""In the order in which a summary counts them."""
WORD_CELLS: Final = max(len(state.word) for state in STATES.values())


def summary(cpus: tuple[CpuView, ...]) -> str:
    """How many CPUs are in each state, the states that occur."""
    found = Counter(cpu.state for cpu in cpus)
    return "  ".join(
        f"{found[name]:,} {state.word}" for name, state in STATES.items() if found[name]
    )
