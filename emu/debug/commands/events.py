"""`events`, `exits`, `log`: what happened, what left the guest, what it logged itself."""

from typing import Final

from msgspec.structs import replace

from emu.debug.command import Command, some_text
from emu.debug.desk import Desk, Lines
from emu.debug.kernel_log import kernel_log
from emu.errors import CommandError
from emu.picture import log
from emu.picture.log_views import LOGGED, LogLook

EVERY: Final = 1 << 62
"""A headless run looks through the whole log."""


def _events(desk: Desk, text: str) -> Lines:
    desk.looks.log = log.look_of(text.split(), desk.looks.log)
    return log.lines(desk.looks.log_view(desk.machine.board.logs, "log", EVERY))


def _exits(desk: Desk, text: str) -> Lines:
    desk.looks.exits = log.look_of(text.split(), desk.looks.exits)
    return log.lines(desk.looks.log_view(desk.machine.board.logs, "exits", EVERY))


def _log(desk: Desk, text: str) -> Lines:
    words = text.split()
    if words[:1] == ["unfold"]:
        raise CommandError("log: takes [cpu N] [TEXT]")
    looks = desk.looks
    looks.logged = replace(log.look_of(words, looks.logged), kinds=LOGGED.kinds)
    view = looks.log_view(desk.machine.board.logs, "logged", EVERY)
    many = "line" if view.kept == 1 else "lines"
    rows = (*log.lines(view)[:-1], f"{view.kept:,} {many} of the guest's own log")
    kernel = _kernel_rows(desk, looks.logged)
    return kernel if kernel and not view.kept else (*rows, *kernel)


def _kernel_rows(desk: Desk, look: LogLook) -> Lines:
    """What a Linux kernel has printed, in its words; nothing where there is none."""
    every = kernel_log(desk.machine)
    some = [
        one
        for one in every
        if look.cpu in (None, one.cpu) and look.text.lower() in one.text.lower()
    ]
    if not every:
        return ()
    on_serial = desk.machine.board.vmm.serial
    held = sum(one.text.split("\n")[0].encode() not in on_serial for one in every)
    told = f"{len(some):,} of {len(every):,} records of the kernel's ring buffer (printk)"
    also = f"; {held:,} are on no serial line yet" if held else ""
    return (*(row for one in some for row in str(one).split("\n")), f"{told}{also}")


EVENTS: Final = Command(
    "events",
    "Show the log: `events [cpu N] [KIND] [TEXT]`; kinds are mailbox, milestone, fault, ... "
    "Equal events in a row are one row: `events unfold [TICK]` opens and closes it.",
    _events,
    (some_text("text", "cpu", "unfold", *log.KINDS, rest=True),),
    looks=True,
)
EXITS: Final = Command(
    "exits",
    "Show what left the guest for the VMM: `exits [cpu N] [TEXT]`; a line of text on its way "
    "to a serial port is one row: `exits unfold [TICK]`.",
    _exits,
    (some_text("text", "cpu", "unfold", rest=True),),
    looks=True,
)
LOG: Final = Command(
    "log",
    "Show what the guest has logged in its own memory, a line each, with the CPU and the tick "
    "at which it was finished; of a Linux kernel its ring buffer, with what no console has "
    "shown yet, and the task or CPU that printed it: `log [cpu N] [TEXT]`.",
    _log,
    (some_text("text", "cpu", rest=True),),
    looks=True,
)
