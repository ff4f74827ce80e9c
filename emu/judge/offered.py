"""Which CPUs the host offers: the nodes of the device tree that it handed over.

A node of another status than okay is of no CPU that may be used (Devicetree 0.4, 2.3.4), and
what the tree does not list is nobody's. A CPU that comes later is offered by its coming. A
machine whose image is handed no tree, or whose tree cannot be read any more, offers all that it
has.
"""

from functools import lru_cache

from msgspec import Struct

from emu.boot.dtb import read_tree
from emu.machine.handover import host_dtb
from emu.machine.machine import Machine
from emu.vmm import plugged

_OKAY = ("okay", "ok")
_CACHED = 4
_NEVER = "not there: the host may plug it in"


class HostCpus(Struct, frozen=True):
    """What a tree says of CPUs, by APIC id."""

    okay: frozenset[int]
    disabled: dict[int, str]
    """Those that are listed with another status, and that status."""


def offer(machine: Machine) -> HostCpus | None:
    """The host's tree as guest memory has it now; None where there is none to go by."""
    blob = host_dtb(machine.board)
    return None if blob is None else _offer(blob)


@lru_cache(maxsize=_CACHED)
def _offer(blob: bytes) -> HostCpus | None:
    tree = read_tree(blob)
    cpus = None if tree.broken else tree.find("/cpus")
    if cpus is None:
        return None
    found: dict[int, str] = {}
    for node in cpus.children:
        reg, status = node.get("reg"), node.get("status")
        if node.name.partition("@")[0] == "cpu" and reg is not None and reg.cells:
            found[reg.cells[-1]] = "okay" if status is None else status.text
    okay = frozenset(apic_id for apic_id, status in found.items() if status in _OKAY)
    return HostCpus(okay, {one: found[one] for one in found if one not in okay})


def withheld(machine: Machine) -> dict[int, str]:
    """CPUs of the machine that the host does not offer, by number, and why not."""
    told, vmm = offer(machine), machine.board.vmm
    return (_not_in_tree(machine, told) if told else {}) | {
        cpu.id: _NEVER if plugged.never_there(vmm, cpu.id) else "given back to the host"
        for cpu in machine.board.cpus
        if plugged.is_out(vmm, cpu.id)
    }


def _not_in_tree(machine: Machine, told: HostCpus) -> dict[int, str]:
    """Of the CPUs that were there when the tree was made."""
    return {
        cpu.id: f"listed as {told.disabled[cpu.apic_id]} in the host's tree"
        if cpu.apic_id in told.disabled
        else "not listed in the host's tree"
        for cpu in machine.board.cpus[: machine.board.platform.present]
        if cpu.apic_id not in told.okay
    }


def missing(machine: Machine) -> tuple[int, ...]:
    """APIC ids that the host's tree offers and that no CPU of the machine has."""
    told = offer(machine)
    if told is None:
        return ()
    there = {cpu.apic_id for cpu in machine.board.cpus}
    return tuple(sorted(told.okay - there))
