"""What exports are made of: a session's branch up to now, with its diagnosis."""

from emu.debug import report
from emu.debug.desk import Desk
from emu.export.history import BranchHistory, history
from emu.export.stops import Stops, stops


def history_of(desk: Desk, steps: bool = True) -> BranchHistory:
    """The branch up to where the machine stands; it stands there still. `steps`: with what is
    to be seen at its stops, each of which is gone to."""
    told = report.of(desk)
    return history(desk.machine, told, stops(desk.timeline, told) if steps else Stops())
