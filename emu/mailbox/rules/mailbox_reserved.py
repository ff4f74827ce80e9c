"""The mailbox page is kept from the OS's allocator."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Handed
from emu.mailbox.rule import Broken, Rule


def _look(seen: Handed, _: Course) -> Iterator[Broken]:
    if seen.mailbox:
        yield Broken("; ".join(seen.mailbox))


RULE = Rule(
    name="mailbox-reserved",
    says=(
        "One page of exactly 4 KiB, aligned, below /reserved-memory, and no usable RAM in E820."
    ),
    source="ACPI 6.6, 5.2.12.19; Linux, reserved-memory/intel,wakeup-mailbox.yaml",
    follows="The OS allocates over the mailbox, or does not find it.",
    look_at="dtb /reserved-memory, and boot_params' E820 table.",
    sees=(Handed,),
    look=_look,
)
