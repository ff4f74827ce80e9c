"""A CPU that runs the OS comes back from its exceptions."""

from collections.abc import Iterator

from emu.mailbox.ap import OSES
from emu.mailbox.course import Course
from emu.mailbox.observation import Unreturned
from emu.mailbox.rule import Broken, Rule


def _look(seen: Unreturned, course: Course) -> Iterator[Broken]:
    if seen.cpu is None or course.is_firmware(seen.cpu):
        return
    state = course.aps.of(seen.cpu)
    when = f"was {state}" if state in OSES else "ran the OS"
    yield Broken(f"took {seen.what} when it {when}, and rests in the handler, at {seen.place}")


RULE = Rule(
    name="exception-online",
    says=("A CPU that the OS counts on returns from its exceptions, or the OS is told."),
    source="Uros #309; SDM 3, 6.12",
    follows=(
        "It answers no interrupt any more; whoever waits for it or for its locks waits for "
        "ever."
    ),
    look_at=("The place of the exception: registers and, for #PF, walk CR2 there."),
    sees=(Unreturned,),
    look=_look,
)
