"""No page is reused that an AP still runs on."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Reused
from emu.mailbox.rule import Broken, Rule


def _look(seen: Reused, _: Course) -> Iterator[Broken]:
    users = ", ".join(map(str, seen.users[:4])) + (", ..." if len(seen.users) > 4 else "")
    yield Broken(f"page {seen.gpa:#x} is written, on which cpu {users} still runs")


RULE = Rule(
    name="page-reused",
    says="A page of AP code or tables has new contents only after every AP has left it.",
    source="ACPI 6.6, 5.2.12.19; openvmm #970, td-shim #245, edk2 #8738",
    follows="The AP faults, or executes data: mostly a triple fault at a random moment.",
    look_at="last-writer of the page, and how the OS came to think that it was free.",
    sees=(Reused,),
    look=_look,
)
