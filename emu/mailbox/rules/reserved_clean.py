"""The reserved word stays zero."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Handed, Stored
from emu.mailbox.rule import Broken, Rule


def _look(seen: Handed | Stored, _: Course) -> Iterator[Broken]:
    match seen:
        case Handed() if seen.reserved:
            yield Broken(
                f"the OS gets a mailbox whose reserved word is {seen.reserved:#x}", about=()
            )
        case Stored() if seen.after.reserved not in (0, seen.before.reserved):
            yield Broken(f"the reserved word became {seen.after.reserved:#x}", about=())


RULE = Rule(
    name="reserved-clean",
    says="Command is a word; the word behind it is reserved and zero.",
    source="ACPI 6.6, 5.2.12.19",
    follows="Loops that compare a dword (openhcl_boot, td-shim, EDK2) are deaf from then on.",
    look_at="Who stores four bytes where two are meant.",
    sees=(Handed, Stored),
    look=_look,
    follows_from=("reserved-clean",),
)
