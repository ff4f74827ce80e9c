"""The OS is told of another mailbox than the one that the APs look at."""

from emu.boot.dtb import read_tree
from emu.errors import CommandError
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import GPA
from emu.machine.handover import kernel_dtb, kernel_dtb_gpa

_COMPATIBLE = "intel,wakeup-mailbox"


def _carry_out(given: Given) -> None:
    machine = given.machine
    start, blob = kernel_dtb_gpa(machine.board), kernel_dtb(machine.board)
    if start is None or blob is None:
        raise CommandError("inject mailbox-moved: the kernel has no device tree yet")
    for node, _ in read_tree(blob).all():
        kind, reg = node.get("compatible"), node.get("reg")
        if kind is not None and reg is not None and _COMPATIBLE in kind.strings:
            place = given.number("GPA").to_bytes(8, "big")
            machine.stores.edit(start + reg.offset, place)
            return
    raise CommandError("inject mailbox-moved: the kernel's device tree has no mailbox")


KIND = InjectionKind(
    "mailbox-moved", "the kernel's device tree says that the mailbox is at GPA", (GPA,),
    _carry_out, "0x8010000", when="os-entry", group="protocol",
)  # fmt: skip
