"""`dtb`: the device trees."""

from typing import Final

from emu.debug.command import Command, some_text
from emu.debug.desk import Desk, Lines
from emu.picture import tree


def _dtb(desk: Desk, text: str) -> Lines:
    wanted = tree.look_of(tuple(text.split()))
    found = tree.lines(tree.dtb_view(desk.machine, wanted))
    desk.looks.dtb = wanted
    return found


DTB: Final = Command(
    "dtb",
    "Show the device tree: `dtb [host|kernel|diff] [PATH or words]`; `dtb cpus`: its "
    "CPUs beside the machine's.",
    _dtb,
    (some_text("text", "host", "kernel", "diff", "cpus", rest=True),),
    looks=True,
)
