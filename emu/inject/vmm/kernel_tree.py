"""The device tree that the kernel is handed is wrong: no CPUs, no mailbox, a reg that is none,
half a tree, or two CPUs with one APIC id."""

from emu.errors import CommandError
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import Parameter, one_of
from emu.inject.vmm import tree
from emu.machine.handover import kernel_dtb, kernel_dtb_gpa

HOW = Parameter(
    "HOW", "missing-node, no-mailbox, bad-reg, truncated or duplicate-id",
    one_of("missing-node", "no-mailbox", "bad-reg", "truncated", "duplicate-id"),
)  # fmt: skip
MAILBOX = b"intel,wakeup-mailbox"


def _carry_out(given: Given) -> None:
    machine, how = given.machine, given.word("HOW")
    start, found = kernel_dtb_gpa(machine.board), kernel_dtb(machine.board)
    if start is None or found is None:
        raise CommandError("inject kernel-tree: the kernel has no device tree yet")
    blob = bytearray(found)
    if how != "no-mailbox":
        blob = tree.changed(blob, how, "kernel-tree")
    elif MAILBOX in found:
        blob = tree.rename(blob, MAILBOX.decode())
    else:
        raise CommandError("inject kernel-tree: the kernel's device tree has no mailbox")
    tree.hand_over(machine, start, blob)


KIND = InjectionKind(
    "kernel-tree", "the device tree that the kernel is handed is wrong", (HOW,), _carry_out,
    "no-mailbox", when="os-entry", group="vmm",
)  # fmt: skip
