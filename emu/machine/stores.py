"""Stores into guest memory that no guest instruction makes: the host's, the debugger's, and
the processor's own when it enters an exception handler."""

from typing import TYPE_CHECKING

from emu.hw.address import PAGE_BYTES, Gpa, Hpa, page_of
from emu.hw.cpu import Cpu

if TYPE_CHECKING:
    from emu.machine.machine import Machine


def host_write(machine: "Machine", gpa: int, data: bytes) -> None:
    """The host stores into guest memory. Into a private page of a TD it cannot: the page's
    integrity is broken, and the guest's next access to it is fatal (TDX Module base
    specification, memory integrity)."""
    if machine.ram.is_secret(gpa):
        page = Gpa(page_of(gpa))
        machine.broken_pages.add(page)
        machine.npt.block(page)
        machine.tables_changed()
        machine.event(None, "fault", f"the host writes to private page {page:#x}")
        return
    edit(machine, gpa, data)


def edit(machine: "Machine", gpa: int, data: bytes) -> None:
    """Somebody outside changes memory as if the guest had; whoever waits wakes up."""
    hpa = machine.ram.hpa(gpa)
    assert hpa is not None, f"a write to {gpa:#x}, where there is no memory"
    put(machine, None, Gpa(gpa), hpa, data)


def put(
    machine: "Machine", cpu: Cpu | None, gpa: Gpa, hpa: Hpa, data: bytes, at: int | None = None
) -> None:
    """Bytes of one page change, and whoever looks at them is told; `cpu` None: by the host.
    `at`: the linear address of the instruction, if it is not the CPU's next one."""
    before = machine.memory.read(hpa, len(data))
    machine.memory.write(hpa, data)
    if before != data:
        machine.engine.flush_code()
        if at is None:
            at = 0 if cpu is None else machine.linear_rip(cpu)
        machine.tracked.changed(cpu, gpa, hpa, before, at)


def write_virtual(machine: "Machine", cpu: Cpu, gva: int, data: bytes) -> bool:
    """The processor itself stores at a GVA (an exception frame); False if it cannot."""
    pieces = machine.virtual.pieces(cpu.registers, gva, len(data))
    if pieces is None:
        return False
    for hpa, count in pieces:
        page = machine.ram.page_at(hpa)
        if page is None:
            machine.memory.write(hpa, data[:count])
        else:
            put(machine, cpu, Gpa(page + hpa % PAGE_BYTES), hpa, data[:count])
        data = data[count:]
    return True
