"""The device tree that the host hands over is wrong: a missing node, a reg that is none, half a
tree, two CPUs with one APIC id, or more CPUs than there is room for."""

from emu.debug.injections.kind import Given, Kind
from emu.debug.injections.parameter import Parameter, one_of
from emu.debug.injections.vmm import tree
from emu.errors import CommandError

HOW = Parameter(
    "HOW", "missing-node, bad-reg, truncated, duplicate-id or many",
    one_of("missing-node", "bad-reg", "truncated", "duplicate-id", "many"),
)  # fmt: skip


def _carry_out(given: Given) -> None:
    machine, how = given.machine, given.word("HOW")
    blob = tree.of_the_host(machine)
    cpus = tree.cpu_nodes(blob)
    match how:
        case "missing-node":
            blob = tree.rename(blob, "cpus")
        case "bad-reg":
            blob = tree.shorten(blob, tree.reg_of(cpus[-1]), 2)
        case "truncated":
            blob = tree.cut(blob)
        case "duplicate-id":
            if len(cpus) < 2:
                raise CommandError("inject host-tree: there is one CPU only")
            first, last = tree.reg_of(cpus[0]), tree.reg_of(cpus[-1])
            blob[last.offset : last.offset + 4] = first.value
        case "many":
            blob = bytearray(tree.more_cpus(machine))
    tree.hand_over(machine, blob)


KIND = Kind(
    "host-tree", "the device tree that the host hands over is wrong", (HOW,), _carry_out,
    "duplicate-id", group="vmm",
)  # fmt: skip
