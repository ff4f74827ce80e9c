"""What a section of a profile is made of, for tests of sections that need every access."""

from emu.profile.basis import Basis
from emu.profile.looking import looked
from emu.timeline.timeline import Timeline


def basis_of(timeline: Timeline) -> Basis:
    """Where the timeline stands, with every access up to there."""
    machine = timeline.machine
    return Basis(machine, looked(machine, timeline, ("accesses",)))
