"""A page in which CPUs begin stays as it is until they have left it."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import StartPageWritten
from emu.mailbox.rule import Broken, Rule


def _look(seen: StartPageWritten, _: Course) -> Iterator[Broken]:
    users = ", ".join(map(str, seen.users[:4])) + (", ..." if len(seen.users) > 4 else "")
    yield Broken(f"page {seen.gpa:#x} is written, in which cpu {users} still begins")


RULE = Rule(
    name="start-page-written",
    says=(
        "The page of a SIPI or of a start context has other contents only after each CPU that "
        "begins there has left it."
    ),
    source="cloud-hypervisor #6817; edk2 #11215; SDM 3, 9.4.4",
    follows=("The CPU takes another one's tables and stack, or executes data."),
    look_at=(
        "What tells the writer that the CPU has gone on: a flag that it sets behind the page, "
        "or a time that has passed."
    ),
    sees=(StartPageWritten,),
    look=_look,
)
