"""What CPUs that are parked spend, by how they wait: the energy of a run's profile, for the
stretch that all of them wait and for the way out.

A kernel of ours (shim/waits/) tells by codes at the POST port when all are parked, when the
first is started, and when all are online.
"""

from typing import Final

from msgspec import Struct

from emu.machine.machine import Machine
from emu.profile.energy import EnergySpent, energy_by

PARKED_US: Final = 100
"""For how long all of them wait."""
_PARKED, _BEGIN, _ONLINE = (f"POST code 0x{code:02x}" for code in (4, 1, 2))
_WORKS: Final = ("running", "off")


class ParkedWait(Struct, frozen=True):
    """What the wait of one AP takes, on the average of all: 1 is a CPU that runs for 1 us."""

    parked_us: float
    waiting: float
    """While all are parked."""
    late: float
    """From the first start on until it goes on: the rest of its wait, and the way out."""

    @property
    def told(self) -> str:
        """In words."""
        return (
            f"an AP that is parked for {self.parked_us:,.0f} us spends {self.waiting:,.2f}, "
            f"and {self.late:,.2f} more until it goes on"
        )


def waited(machine: Machine) -> ParkedWait | None:
    """Of a run that is over; None if none were parked."""
    codes = {one.text: one.virtual_ns for one in machine.board.logs.events}
    if _PARKED not in codes:
        return None
    begins = tuple((word, codes[word] * 1000) for word in (_PARKED, _BEGIN, _ONLINE))
    aps = range(1, len(machine.board.cpus))
    spent = energy_by(machine, dict.fromkeys(aps, begins)).spent
    return ParkedWait(
        (codes[_BEGIN] - codes[_PARKED]) / 1000,
        _of(spent, _PARKED, ()) / len(aps), _of(spent, _BEGIN, _WORKS) / len(aps),
    )  # fmt: skip


def _of(spent: tuple[EnergySpent, ...], phase: str, without: tuple[str, ...]) -> float:
    rows = (one for one in spent if one.cpu and one.phase == phase)
    return sum(one.energy for one in rows if one.doing not in without)
