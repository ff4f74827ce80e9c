"""How a boot ended."""

from typing import Final

from emu.judge import hopeless, offered, said
from emu.judge.fate import fates
from emu.judge.progress import no_progress, slow_or_stuck
from emu.judge.same_faults import fault_words
from emu.judge.state import came, gave_up, in_sidecar
from emu.judge.verdict import Fate, Verdict
from emu.machine.machine import Machine
from emu.machine.pause import Pause
from emu.vmm import plugged
from emu.words.spans import spans

TOLD: Final[tuple[Fate, ...]] = ("dead", "stuck", "lost", "not offered")
"""Of CPUs that became this the verdict tells, in this order."""
NAMED_MAX: Final = 8
"""So many are named one by one, more by their first and last."""


def verdict(machine: Machine, why: Pause, held: frozenset[int] = frozenset()) -> Verdict:
    """Judge a machine that will not run on by itself, or that was cut off: by the limit
    (BUDGET) or the watchdog (STUCK)."""
    crash = machine.board.crash
    panicked = said.gave_up(machine.board, ended=bool(crash))
    if crash:
        told = panicked and panicked not in crash
        return Verdict("crashed", f"the guest said: {panicked}; {crash}" if told else crash)
    if panicked and why is not Pause.OUTCOME:
        return Verdict("crashed", f"the guest said: {panicked}")
    if why is Pause.BUDGET:
        words = slow_or_stuck(machine)
        return Verdict(
            "limit", f"still running after {machine.board.tick:,} instructions; {words}"
        )
    if why is Pause.STUCK:
        return Verdict("hung", fault_words(machine) or no_progress(machine))
    if why is Pause.HUNG:
        if not held and hopeless.listens(machine):
            return _came_up(machine, "the guest waits for notices of its host")
        return Verdict("hung", _why_hung(machine, held))
    return _came_up(machine, "the guest switched off")


def _came_up(machine: Machine, end: str) -> Verdict:
    board, known = machine.board, bool(machine.board.roles.of("online"))
    if not known and not board.aps.history:
        return Verdict("booted", f"the guest switched the machine off{_told(machine)}")
    away = [cpu.id for cpu in board.cpus if not came(machine, cpu)]
    total = sum(not plugged.never_there(board.vmm, cpu.id) for cpu in board.cpus)
    here = len(board.cpus) - len(away)
    idle = sum(in_sidecar(machine, cpu) for cpu in board.cpus)
    words = "came online" if known else "reached the OS"
    beside = f", {idle} idle{'s' * (idle == 1)} in the sidecar" if idle else ""
    if offered.missing(machine) or set(away) - offered.withheld(machine).keys():
        told = f"{here - idle} of {total} CPUs {words}{beside}{_told(machine)}"
        return Verdict("degraded", told)
    who = "the only CPU" if here == 1 else f"all {here} CPUs"
    if idle:
        who = f"{here - idle} CPU{'s' * (here - idle != 1)}"
    ended = f"{beside}{',' * bool(idle)} and {end}"
    return Verdict("booted", f"{who} {words}{ended}{_told(machine)}")


def _told(machine: Machine) -> str:
    """What became of the CPUs that are not well, and of those that only the host's tree has."""
    words = fates(machine, over=True)
    told = ""
    for fate in TOLD:
        some = [cpu for cpu, word in words.items() if word == fate]
        few = len(some) <= NAMED_MAX
        told += f"; {fate}: {', '.join(map(str, some)) if few else spans(some)}" if some else ""
    nobodys = offered.missing(machine)
    if nobodys:
        ids = ", ".join(f"{one:#x}" for one in nobodys)
        told += f"; the host's tree offers APIC ids that no CPU has: {ids}"
    return told


def _why_hung(machine: Machine, held: frozenset[int]) -> str:
    """Nothing can ever run again: who sleeps, and on what."""
    parts = []
    for state in ("waiting", "halted", "mwait", "wait-for-sipi", "off", "shutdown"):
        ids = [str(cpu.id) for cpu in machine.board.cpus if cpu.activity == state]
        if ids:
            shown = ", ".join(ids[:8]) + (", ..." if len(ids) > 8 else "")
            parts.append(f"{len(ids)} {state} ({shown})")
    if held:
        parts.append(f"held: {', '.join(map(str, sorted(held)))}")
    if gave_up(machine):  # a machine without a host to tell can only be halted
        lines = machine.board.vmm.serial or said.logged(machine.board)
        last = lines.decode("utf-8", "replace").rstrip().rpartition("\n")[2]
        return f"the guest gave up: {last}"
    return f"no CPU can ever run again: {'; '.join(parts)}"
