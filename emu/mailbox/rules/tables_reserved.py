"""What parked APs run on is kept from the OS's allocator."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Handed
from emu.mailbox.rule import Broken, Rule


def _look(seen: Handed, _: Course) -> Iterator[Broken]:
    if seen.tables:
        yield Broken("; ".join(seen.tables))


RULE = Rule(
    name="tables-reserved",
    says=(
        "Code, tables and stacks of APs that wait are reserved until every AP has left them."
    ),
    source="ACPI 6.6, 5.2.12.19; openvmm #970 (E820)",
    follows="The OS reuses a page, and an AP walks or executes what it finds there.",
    look_at="boot_params' E820 table and /reserved-memory against the AP's CR3.",
    sees=(Handed,),
    look=_look,
)
