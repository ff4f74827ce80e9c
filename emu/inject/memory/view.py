"""A CPU that maps the mailbox with the other sharing: it sees another page, or gets a #VE."""

from emu.boot.platform import Platform
from emu.errors import CommandError
from emu.hw.address import PAGE_BYTES
from emu.inject.kind import Given, InjectionKind
from emu.inject.memory.entry import leaf_of
from emu.inject.parameter import CPU, GVA
from emu.vmm.tdx.abi import SHARED_BIT


def _lacking(platform: Platform) -> str:
    tdx = platform.isolation == "tdx"
    return "" if tdx else f"platform {platform.name} has one view of every page"


def _carry_out(given: Given) -> None:
    machine = given.machine
    gpa, hpa, page_bytes = leaf_of(machine, given.cpu, given.number("GVA"), "view")
    if page_bytes != PAGE_BYTES:
        raise CommandError(f"inject view: GVA lies in a page of {page_bytes >> 20} MiB")
    entry = int.from_bytes(machine.board.memory.read(hpa, 8), "little") ^ SHARED_BIT
    machine.stores.put(None, gpa, hpa, entry.to_bytes(8, "little"))
    machine.waits.disturb()


KIND = InjectionKind(
    "view", "the CPU maps the mailbox (or GVA) shared instead of private", (
        CPU, GVA.or_else("0xffffe000"),
    ), _carry_out, "2", not_started="parked cpu {CPU}", lacking=_lacking, group="memory",
)  # fmt: skip
