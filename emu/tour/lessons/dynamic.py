"""CPUs come and go while the OS runs: out by the reset vector, in by the mailbox."""

from typing import Final

from emu.machine.event import HotPlug, PlugMoment
from emu.mailbox.ap import NOOP, WAKEUP
from emu.tour.course import entered, step_of, stores
from emu.tour.lesson import Lesson, Opening
from emu.tour.scene import Scene

CPU: Final = 3


def _went(seen: Scene) -> PlugMoment | None:
    """How far the CPU has gone or come; None: the host has not asked for it."""
    told = (event.detail for event in reversed(seen.machine.board.logs.events))
    found = (one.moment for one in told if isinstance(one, HotPlug) and one.plugged == CPU)
    return next(found, None)


def _woken(seen: Scene) -> bool:
    """Whether the last change of the mailbox is that the CPU, which was plugged in, takes its
    wake-up."""
    newest = next(stores(seen), None)
    if newest is None or _went(seen) != "plugged" or step_of(seen, CPU) != "acked":
        return False
    event, store = newest
    return (event.cpu, store.field, store.old, store.new) == (CPU, "command", WAKEUP, NOOP)


def _torn_out(seen: Scene) -> bool:
    return seen.machine.board.cpus[CPU].activity == "shutdown"


def _others(seen: Scene) -> bool:
    """Whether the host has asked for CPUs, and not for this one."""
    asked = entered(seen, "inject unplug")
    return bool(asked) and all(one.split()[0] != str(CPU) for one in asked)


LESSON = Lesson(
    "dynamic",
    done=_woken,
    wrong=(
        ("torn", _torn_out),
        ("other_cpu", _others),
        ("too_early", lambda seen: seen.refused.startswith(f"inject plug {CPU}")),
        ("past", lambda seen: _went(seen) == "plugged" and step_of(seen, CPU) == "online"),
        ("waits", lambda seen: _went(seen) == "plugged"),
        ("out", lambda seen: _went(seen) == "ejected"),
        ("leaves", lambda seen: step_of(seen, CPU) in ("left", "parked")),
    ),
    opening=Opening(kernel="hotplug.kernel.elf", cmdline="hotplug=2", said=("run",)),
    panel="mailbox",
    row=f"c{CPU}",
)
