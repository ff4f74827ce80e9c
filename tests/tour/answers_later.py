"""The answers of the tour's later lessons: the mailbox, and what can go wrong around it."""

import tempfile
from pathlib import Path
from typing import Final

Keys = tuple[str, ...]
REPORT: Final = Path(tempfile.gettempdir()) / "apdbg-tour-hunt.md"


def typed(*commands: str) -> Keys:
    """Commands at the prompt."""
    return tuple(f":{one}\r" for one in commands)


LATER: Final[dict[str, tuple[Keys, dict[str, Keys]]]] = {
    "own_tables": (
        (">", *typed("until reset_long", "tables diff 0")),
        {
            "too_early": typed("tables diff 1"),
            "itself": typed("tables diff 0"),
            "siblings": (
                ">", *typed("until reset_long", "until reset_long", "tables diff 1"),
            ),
        },
    ),
    "parked": (
        (">", "7s", "<", *typed("until wake_aps")),
        {
            "too_far": ("c",),
            "not_walked": typed("until wake_aps"),
            "boot_cpu": ("7s",),
        },
    ),
    "wake_up": (
        (*typed("watch mailbox.command"), "c", "c"),
        {
            "prepared": (*typed("watch mailbox.vector"), "c"),
            "asked": (*typed("watch mailbox.command"), "c"),
            "past": ("c",),
        },
    ),
    "stores": (
        (*typed("inject command-before-vector 1"), "c"),
        {
            "old_vector": (*typed("inject command-before-vector 3"), "c"),
            "still_ordered": (*typed("inject late-stores 0 20us"), "c"),
            "in_time": (
                *typed("watch mailbox.apic_id"), "c",
                *typed("set mailbox.command=1", "delete 1"), "c",
            ),
            "unbroken": ("c",),
        },
    ),
    "loads": (
        ("s", "H", *typed("watch mailbox.apic_id"), "c", *typed("release 2"), "c"),
        {
            "never_released": ("s", "H", "c"),
            "let_go": ("c",),
            "held_other": ("<", "H"),
            "held_early": ("H",),
            "held_late": ("4s", "H"),
        },
    ),
    "tree": (
        (*typed("inject mailbox-moved 0xfffff008"), "c"),
        {
            "too_late": (*typed("until os-entry", "inject mailbox-moved 0xfffff008"), "c"),
            "believed": (*typed("inject mailbox-moved 0x8100000"), "c"),
            "missing": (*typed("inject kernel-tree no-mailbox"), "c"),
            "other": (*typed("inject kernel-tree bad-reg"), "c"),
        },
    ),
    "crash": (
        ("c", "w", *typed("goto page-reused")),
        {
            "fell": ("c", *typed("goto cpu-fault")),
            "told": ("c", "w", *typed("goto tables-reserved")),
            "other_cpu": ("c", *typed("goto 127279")),
        },
    ),
    "branch": (
        (*typed("goto wake_aps", "inject stop 2"), "c", *typed("diff main")),
        {
            "same_again": ("R", "c", *typed("diff main")),
            "same_history": typed("goto wake_aps", "diff end"),
            "unfinished": typed("goto wake_aps", "inject stop 2", "diff main"),
        },
    ),
    "lost_start": (
        (*typed("inject lose-ipi sipi 2 4"), "c"),
        {
            "came": (*typed("inject lose-ipi sipi 2 3"), "c"),
            "init": (*typed("inject lose-ipi init 2"), "c"),
            "too_many": (*typed("inject lose-ipi sipi 2 9"), "c"),
            "not_lost": (*typed("inject never-starts 2"), "c"),
        },
    ),
    "hand_back": (
        (*typed("watch mailbox.command"), "c", "c"),
        {
            "past": ("c",),
            "asked": (*typed("watch mailbox.command"), "c"),
            "going": typed("until left"),
        },
    ),
    "dynamic": (
        (
            *typed("watch mailbox.command", "inject unplug 3"), "c", "c", "c",
            *typed("inject plug 3"), "c", "c", "c", "c",
        ),
        {
            "out": (*typed("inject unplug 3"), "c"),
            "past": (*typed("inject unplug 3"), "c", *typed("inject plug 3"), "c"),
            "torn": ("R", *typed("inject unplug 3")),
            "other_cpu": typed("inject unplug 2"),
            "too_early": typed("inject plug 3"),
            "leaves": (*typed("watch mailbox.command", "inject unplug 3"), "c"),
            "waits": (*typed("inject unplug 3"), "c", *typed("inject plug 3")),
        },
    ),
    "hunt": (
        ("c", *typed("goto ack", f"report {REPORT}")),
        {
            "at_the_end": ("c", *typed(f"report {REPORT}")),
            "at_the_finding": ("c", *typed("goto command-answered", f"report {REPORT}")),
            "elsewhere": typed("until waking", f"report {REPORT}"),
        },
    ),
}  # fmt: skip
"""Lesson -> what solves it, and by the name of its sentence what is told off."""
