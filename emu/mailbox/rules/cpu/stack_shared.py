"""Two CPUs never use one stack."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Shared
from emu.mailbox.rule import Broken, Rule


def _look(seen: Shared, _: Course) -> Iterator[Broken]:
    if seen.what == "stack":
        yield Broken(f"RSP = {seen.value:#x} is on the stack that cpu {seen.other} uses")


RULE = Rule(
    name="stack-shared",
    says=(
        "What a CPU pushes is its own: no other CPU's RSP lies in the part of a stack that it "
        "uses, in the firmware or behind it."
    ),
    source="cloud-hypervisor #5475, #5512; edk2, UefiCpuPkg MpInitLib",
    follows=("A call or an interrupt on one CPU overwrites return addresses of the other."),
    look_at=(
        "How each of the two came by its RSP: by an index, an APIC id, or a cell that another "
        "had already."
    ),
    sees=(Shared,),
    look=_look,
)
