"""What became of every CPU, in one word: the one place that says who is dead, lost or stuck.

`dead`: it has shut down, or what it did killed the machine. `stuck`: nothing can ever move it
on where it stands, and it was not meant to stand there. `lost`: the boot is over, and it never
came to the OS. `not offered`: the host's tree has no such CPU, so nobody asked for it.
"""

from msgspec import Struct

from emu.hw.cpu import Cpu
from emu.judge import hopeless, offered
from emu.judge.hopeless import Hopeless
from emu.judge.state import came, state_of
from emu.judge.verdict import CpuState, Fate
from emu.machine.machine import Machine


class Ground(Struct, frozen=True):
    """What the fate of every CPU of a machine rests on, at one moment."""

    held: dict[int, Hopeless]
    withheld: dict[int, str]
    """Those that the host does not offer, and why not."""
    killer: int | None
    over: bool

    def of(self, cpu: int) -> tuple[Hopeless | None, str, bool, bool]:
        """What of it is one CPU's."""
        return self.held.get(cpu), self.withheld.get(cpu, ""), cpu == self.killer, self.over


def ground(machine: Machine, *, over: bool) -> Ground:
    """Whoever has not come yet is lost if the boot is over: the guest itself has switched the
    machine off."""
    held = hopeless.everyone(machine)
    return Ground(held, offered.withheld(machine), killer(machine), over)


def fates(machine: Machine, *, over: bool) -> dict[int, Fate]:
    """Every CPU."""
    known = ground(machine, over=over)
    return {
        cpu.id: fate(machine, cpu, known, state_of(machine, cpu)) for cpu in machine.board.cpus
    }


def fate(machine: Machine, cpu: Cpu, known: Ground, state: CpuState) -> Fate:
    """One CPU; `state`: what it does."""
    held, withheld, killed, over = known.of(cpu.id)
    if killed:
        return "dead"
    if withheld and cpu.activity in ("off", "wait-for-sipi"):
        return "not offered"
    if held is not None and held.how in hopeless.DEAD:
        return "dead"
    if state == "failed":
        return "lost"
    if held is not None and not meant(machine, cpu, held):
        return "stuck"
    if over and _is_expected(machine):
        return "well" if came(machine, cpu) else "lost"
    return "well"


def _is_expected(machine: Machine) -> bool:
    """Whether anything tells of these images that their APs have something to come to."""
    return bool(machine.board.roles.of("online") or machine.board.aps.history)


def killer(machine: Machine) -> int | None:
    """The CPU by whose doing the machine crashed, if it was a CPU's."""
    board = machine.board
    if not board.crash:
        return None
    told = (one for one in reversed(board.logs.events) if one.text == board.crash)
    last = next(told, None)
    return None if last is None else last.cpu


def meant(machine: Machine, cpu: Cpu, held: Hopeless) -> bool:
    """Whether a CPU stands still on purpose: it gave itself up; it is parked; it halted though
    nothing tells that more is expected of it, or as the machine was switched off."""
    board = machine.board
    if held.how in hopeless.DEAD:
        return False
    state = state_of(machine, cpu)
    if board.aps.of(cpu.id) == "gave-up" or state in ("failed", "sidecar-idle"):
        return True
    if held.how == "halted":
        return not _is_expected(machine) or (board.powered_off and came(machine, cpu))
    return held.how == "alone" and board.aps.is_parked(cpu.id)
