"""Who asks looks at the answer."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Arrived
from emu.mailbox.rule import Broken, Rule


def _look(seen: Arrived, course: Course) -> Iterator[Broken]:
    if "parked" not in seen.roles or seen.cpu is None:
        return
    call = course.failed.get(seen.cpu)
    if call is not None:
        yield Broken(f"goes on to the mailbox though {call.call} gave {call.status:#x}")


RULE = Rule(
    name="status-checked",
    says="RAX and R10 of a TDCALL are looked at before its results are used.",
    source=(
        "TDX GHCI 1.5, 3; not done by openvmm, "
        "vm/loader/igvmfilegen/src/vp_context_builder/tdx.rs"
    ),
    follows="The AP answers to an APIC id that the host made up, or to none.",
    look_at="The instructions behind the TDCALL.",
    sees=(Arrived,),
    look=_look,
)
