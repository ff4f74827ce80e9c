"""Who asks host or module looks at the answer."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Ignored
from emu.mailbox.rule import Broken, Rule


def _look(seen: Ignored, _: Course) -> Iterator[Broken]:
    yield Broken(f"{seen.call} gave {seen.status:#x}, and nothing looks at it")


RULE = Rule(
    name="status-ignored",
    says=(
        "The status of a call is looked at before its register has another value. (Not that "
        "of HLT, of port I/O and of a crash report, which only tell.)"
    ),
    source="TDX GHCI 1.5, 2.4.1; TLFS 3.8; openvmm #3980",
    follows=("The guest goes on as if it had got what it asked for."),
    look_at=("The instructions behind the call."),
    sees=(Ignored,),
    look=_look,
)
