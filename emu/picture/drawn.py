"""What pictures of one machine keep from one to the next: what has not changed is not drawn
anew."""

from emu.machine.machine import Machine
from emu.picture.cpu_rows import Crowd
from emu.picture.lanes import LaneIndex
from emu.picture.listing import Listing


class Drawn:
    """The rows of CPUs, the marks of the lanes, and lines of code."""

    def __init__(self, machine: Machine) -> None:
        self.crowd = Crowd(machine)
        self.lanes = LaneIndex()
        self.listing = Listing(machine)
        self.asked = 0
        """How often a command was begun or another CPU chosen: pictures of before are old."""
