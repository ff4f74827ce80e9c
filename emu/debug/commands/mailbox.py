"""`mailbox`, `waits`: how far each AP is, and what waiting CPUs wait for."""

from typing import Final

from emu.debug.command import Command
from emu.debug.desk import Desk, Lines
from emu.errors import CommandError
from emu.judge.state import states
from emu.judge.wait_facts import facts
from emu.picture.mailbox import mailbox_view


def _mailbox(desk: Desk) -> Lines:
    box = mailbox_view(desk.machine, states(desk.machine))
    if box is None:
        raise CommandError("mailbox: none is known yet")
    head = (
        f"mailbox at GPA {box.gpa:#x} ({box.page_state})",
        f"  command   {box.command:04x} {box.command_name}",
        f"  reserved  {box.reserved:04x}",
        f"  apic id   {box.apic_id:08x}",
        f"  vector    {box.vector:016x} {box.vector_symbol}".rstrip(),
    )
    rows = (
        f"  cpu {ap.cpu}: {ap.step}" + (f"; next: {ap.next}" if ap.next else "")
        for ap in box.aps
    )
    return (*head, *rows)


def _waits(desk: Desk) -> Lines:
    rows = []
    # While the machine runs nobody goes back to look for who wrote before a wait began.
    for fact in facts(desk.machine, desk.timeline if desk.goal is None else None):
        rows.append(
            f"cpu {fact.cpu} waits for {fact.on} (now {fact.now or '-'}) at {fact.where}; "
            f"{fact.written}"
        )
    return tuple(rows) or ("no CPU waits",)


MAILBOX: Final = Command(
    "mailbox",
    "Show the mailbox decoded, and how far each AP is.",
    _mailbox,
    looks=True,
)
WAITS: Final = Command(
    "waits",
    "Show what every waiting CPU waits for, and who wrote that last.",
    _waits,
    looks=True,
)
