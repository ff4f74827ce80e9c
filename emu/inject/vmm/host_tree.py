"""The device tree that the host hands over is wrong: a missing node, a reg that is none, half a
tree, two CPUs with one APIC id, or more CPUs than there is room for."""

from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import Parameter, one_of
from emu.inject.vmm import tree

HOW = Parameter(
    "HOW", "missing-node, bad-reg, truncated, duplicate-id or many",
    one_of("missing-node", "bad-reg", "truncated", "duplicate-id", "many"),
)  # fmt: skip


def _carry_out(given: Given) -> None:
    machine, how = given.machine, given.word("HOW")
    blob = tree.of_the_host(machine)
    if how == "many":
        blob = bytearray(tree.more_cpus(machine))
    else:
        blob = tree.changed(blob, how, "host-tree")
    gpa = machine.board.layout.host_dtb_gpa
    assert gpa is not None, "a tree was found there"
    tree.hand_over(machine, gpa, blob)


KIND = InjectionKind(
    "host-tree", "the device tree that the host hands over is wrong", (HOW,), _carry_out,
    "duplicate-id", group="vmm",
)  # fmt: skip
