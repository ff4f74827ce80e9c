"""The states of a CPU: a letter, a word, a role and an explanation for each."""

from collections import Counter
from typing import Final, NamedTuple

from emu.judge.verdict import CpuState
from emu.picture.view import CpuView
from tui.text import Role


class State(NamedTuple):
    """How a state looks and what it means."""

    glyph: str
    word: str
    role: Role
    meaning: str


STATES: Final[dict[CpuState, State]] = {
    "running": State(">", "running", "busy", "executes instructions"),
    "spinning": State("z", "spinning", "dim", "loops until a byte changes; costs no emulation"),
    "parked": State("p", "parked", "warn", "waits in the mailbox loop for a wake-up"),
    "online": State("+", "online", "good", "the OS has it"),
    "halted": State("h", "halted", "dim", "executed HLT: an interrupt wakes it"),
    "wait-for-sipi": State("w", "wait SIPI", "dim", "had an INIT, waits for a start-up IPI"),
    "off": State("-", "off", "dim", "nobody has started it"),
    "failed": State("!", "failed", "bad", "the shim gave it up"),
    "shutdown": State("x", "shutdown", "bad", "triple fault: it stands still for ever"),
}
"""In the order in which a summary counts them."""
WORD_CELLS: Final = max(len(state.word) for state in STATES.values())


def summary(cpus: tuple[CpuView, ...]) -> str:
    """How many CPUs are in each state, the states that occur."""
    found = Counter(cpu.state for cpu in cpus)
    return "  ".join(
        f"{found[name]:,} {state.word}" for name, state in STATES.items() if found[name]
    )
