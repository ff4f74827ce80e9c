"""`breakpoints`, `delete`: what stops the machine, listed and removed."""

from typing import Final

from emu.debug.command import Command, count
from emu.debug.desk import Desk, Lines


def _list(desk: Desk) -> Lines:
    listed = desk.breakpoints.listed, desk.watchpoints.listed, desk.catches.listed
    rows = []
    for point in sorted(
        (one.view() for some in listed for one in some), key=lambda p: p.number
    ):
        who = "" if point.cpu is None else f"  cpu {point.cpu}"
        place = f"  {point.address:#x}" if point.address else ""
        rule = f"  {point.rule}" if point.rule else ""
        rows.append(f"{point.number}  {point.where}{place}{who}{rule}  {point.hits:,} hits")
        rows += [f"    {text}" for text in point.log]
    return tuple(rows) or ("no breakpoint is set",)


def _delete(desk: Desk, number: int) -> Lines:
    if any(point.number == number for point in desk.breakpoints.listed):
        desk.breakpoints.delete(number)
    elif not desk.catches.delete(number):
        desk.watchpoints.delete(number)
    return ()


BREAKPOINTS: Final = Command(
    "breakpoints",
    "List all breakpoints, watchpoints and catches, and what they have noted.",
    _list,
    looks=True,
)
DELETE: Final = Command(
    "delete", "Remove a breakpoint by its number.", _delete, (count("number"),)
)
