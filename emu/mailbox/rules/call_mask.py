"""A call to the host names only registers that the TDX module passes on."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Called
from emu.mailbox.rule import Broken, Rule

_VMCALL = "TDG.VP.VMCALL"
_OPERAND_INVALID = 0xC000_0100_0000_0001
"""What RAX says where the module refuses RCX; a host's status has other bits."""


def _look(seen: Called, _: Course) -> Iterator[Broken]:
    if not seen.call.startswith(_VMCALL):
        return
    if seen.status == _OPERAND_INVALID:
        yield Broken(f"{seen.call} is refused by the TDX module because of its mask, RCX")


RULE = Rule(
    name="call-mask",
    says=(
        "RCX of TDG.VP.VMCALL has no bit for RAX, RCX or RSP, and none for RBP where the TD's "
        "CONFIG_FLAGS.NO_RBP_MOD is set, as Linux's KVM always sets it."
    ),
    source="TDX module, tdg_vp_vmcall.c; td-shim #861",
    follows="The host is never asked: the AP has no APIC id and cannot be used.",
    look_at="RCX at the call: bit 5 is RBP.",
    sees=(Called,),
    look=_look,
)
