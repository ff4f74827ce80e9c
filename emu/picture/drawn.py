"""What pictures of one machine keep from one to the next: what has not changed is not drawn
anew."""

from emu.machine.machine import Machine
from emu.picture.cpu_rows import Crowd
from emu.picture.lanes import LaneIndex


class Drawn:
    """The rows of CPUs, and the marks of the lanes."""

    def __init__(self, machine: Machine) -> None:
        self.crowd = Crowd(machine)
        self.lanes = LaneIndex()
