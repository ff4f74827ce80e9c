"""The device tree: what the kernel checks of the mailbox that it names, and what it cannot."""

from emu.tour.course import ended_after, entered
from emu.tour.lesson import Lesson, Opening

LESSON = Lesson(
    "tree",
    done=lambda seen: "mailbox ignored: " in seen.view.serial,
    wrong=(
        ("too_late", lambda seen: seen.outcome == "booted" and bool(entered(seen, "inject"))),
        ("believed", lambda seen: ended_after(seen, "inject mailbox-moved")),
        ("missing", lambda seen: ended_after(seen, "inject kernel-tree no-mailbox")),
        ("other", lambda seen: ended_after(seen, "inject")),
    ),
    opening=Opening(said=("until enter_kernel",)),
    panel="dtb",
)
