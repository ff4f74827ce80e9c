"""What a device tree reserves is reserved by Linux, too."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Handed
from emu.mailbox.rule import Broken, Rule


def _look(seen: Handed, _: Course) -> Iterator[Broken]:
    if seen.ignored:
        yield Broken("; ".join(seen.ignored), about=())


RULE = Rule(
    name="nodes-honoured",
    says=(
        "/reserved-memory has the root's #address-cells and #size-cells, and ranges; each "
        "node's reg is pairs of them."
    ),
    source=(
        "Linux, drivers/of/of_reserved_mem.c, __reserved_mem_check_root; Devicetree "
        "Specification 0.4, 3.5"
    ),
    follows=(
        "Linux keeps nothing of it from its allocator: only E820 still reserves mailbox, code "
        "and tables of the APs."
    ),
    look_at="dtb /reserved-memory and the root's cells.",
    sees=(Handed,),
    look=_look,
    severity="warning",
)
