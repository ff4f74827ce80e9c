"""The names a person can see on the screen: what the prompt completes and the palette finds."""

import re
from typing import Final

from emu.debug.view import MachineView

_NAME: Final = re.compile(r"[A-Za-z_][\w.]*$")


def names(view: MachineView) -> tuple[str, ...]:
    """Symbols without offset from code, CPUs, mailbox and milestones, sorted."""
    found = {cpu.symbol.partition("+")[0] for cpu in view.cpus}
    found |= {cpu.milestone for cpu in view.cpus}
    found |= {code.text.rstrip(":") for code in view.code if code.kind == "label"}
    found |= {code.note.partition("+")[0] for code in view.code if code.kind == "asm"}
    reached = (event.text for event in view.events if event.kind == "milestone")
    found |= {text.rpartition(" ")[2] for text in reached}
    if view.mailbox is not None:
        found.add(view.mailbox.vector_symbol.partition("+")[0])
    return tuple(sorted(name for name in found if _NAME.match(name)))
