"""Views of a profile, built from the real types."""

from msgspec.structs import replace

from emu.picture.sections import ProfileView
from emu.profile.critical_view import GROUPS, CriticalPath, PathPart, sums
from emu.profile.told import Quantiles
from emu.profile.waterfall_view import ApLine, StepAt, StepName, StepSpread, Waterfall


def profile() -> ProfileView:
    """Two APs on their way, of which one was seen to be online."""
    steps = (
        (("asked", 38_516, 1_916_758), ("first", 38_856, 1_936_758), ("tables", 38_876,
          1_936_768), ("parked", 38_914, 1_938_287), ("command", 121_293, 2_118_598),
         ("seen", 121_323, 2_118_605), ("ack", 121_341, 2_118_634),
         ("vector", 121_358, 2_118_643), ("online", 121_476, 2_120_177)),
        (("asked", 38_766, 1_923_883), ("first", 38_971, 1_943_883),
         ("parked", 39_029, 1_945_412)),
    )  # fmt: skip
    aps = tuple(
        ApLine(cpu, tuple(StepAt(*one) for one in some)) for cpu, some in enumerate(steps, 1)
    )
    spread = Quantiles(1, 1_519, 1_519, 1_519, 1_519, 1)
    names: tuple[StepName, ...] = (
        "first", "tables", "parked", "command", "seen", "ack", "vector", "online",
    )  # fmt: skip
    fall = Waterfall(
        aps, tuple(StepSpread(one, spread) for one in names), ("modes", "rest")
    )  # fmt: skip
    return ProfileView(
        "waterfall", ("waterfall", "critical", "cpus"), 141_000, False, fall, None,
        ((1_916_758, 1_945_412), (2_118_598, 2_120_177)), 23_108, (), (),
    )  # fmt: skip


def path() -> ProfileView:
    """CPU 0 waits for CPU 1, and pays for exits."""
    parts = (
        PathPart(0, "start APs", "start_aps", "smp.c:41", "runs", 0, 0, 1_916_758_000),
        PathPart(1, "start APs", "-", "-", "starts", 38_856, 1_916_758_000, 1_936_758_000),
        PathPart(0, "done", "kernel_done", "main.c:18", "port out", 121_476, 1_936_758_000,
                 2_120_177_000),
    )  # fmt: skip
    shares = {by: sums(parts, by) for by in GROUPS}
    whole = CriticalPath(
        "cpu 0 switches the machine off", 2_120_177_000, 0, parts, shares, False
    )
    return replace(
        profile(),
        section="critical",
        waterfall=None,
        path=whole,
        stays=whole.stays,
        tick=141_000,
        now=True,
    )
