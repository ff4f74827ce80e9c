"""What two moments are compared by: a machine's registers, tables and some of its pages."""

from msgspec import Struct

from emu.hw.address import PAGE_BYTES, Gpa, Hpa
from emu.hw.nested_walk import ACCESSED, DIRTY, PRESENT
from emu.judge.state import states
from emu.machine.handover import kernel_dtb
from emu.machine.machine import Machine
from emu.picture import registers
from emu.picture.mailbox import mailbox_view
from emu.picture.mapped import Mapped, ranges
from emu.picture.view import MailboxView


class CpuCapture(Struct, frozen=True):
    """One CPU: what it does, and every register by name."""

    activity: str
    milestone: str
    values: dict[str, int]
    cr3: int


class Capture(Struct, frozen=True):
    """A machine at one moment."""

    tick: int
    virtual_ns: int
    cpus: tuple[CpuCapture, ...]
    mailbox: MailboxView | None
    pages: dict[int, bytes]
    """GPA (a TD's shared view with bit 39) -> what the page holds."""
    tables: dict[int, tuple[Mapped, ...]]
    """CR3 -> what it maps."""
    nested: dict[int, tuple[int, str]]
    """GPA of a page whose leaf may have changed -> (leaf without A and D, page state)."""
    dtb: bytes | None


def capture(machine: Machine, pages: set[int]) -> Capture:
    """A machine as it is now; `pages` are the HPAs that may differ from the other moment."""
    gpas = {hpa: machine.board.ram.page_at(hpa) for hpa in sorted(pages)}
    found: dict[int, bytes] = {
        gpa: machine.board.memory.read(Hpa(hpa), PAGE_BYTES)
        for hpa, gpa in gpas.items()
        if gpa is not None
    }
    cpus = tuple(
        CpuCapture(
            cpu.activity, cpu.milestone,
            {} if cpu.context is None else registers.values(cpu.context),
            0 if cpu.context is None else cpu.context.get("cr3"),
        )
        for cpu in machine.board.cpus
    )  # fmt: skip
    return Capture(
        machine.board.tick, machine.board.now_ps() // 1000, cpus,
        mailbox_view(machine, states(machine)), found,
        _tables(machine), _nested(machine), kernel_dtb(machine.board),
    )  # fmt: skip


def _nested(machine: Machine) -> dict[int, tuple[int, str]]:
    """Every leaf of the model that is present, with the page's state."""
    found: dict[int, tuple[int, str]] = {}
    for gpa, _, size in machine.board.ram.views():
        for page in range(gpa, gpa + size, PAGE_BYTES):
            leaf = machine.board.npt.leaf(page) & ~(ACCESSED | DIRTY)
            if leaf & PRESENT:
                state = machine.board.ram.state(Gpa(page & ~machine.board.shared_alias)) or ""
                found[page] = leaf, state
    return found


def _tables(machine: Machine) -> dict[int, tuple[Mapped, ...]]:
    """What every distinct CR3 maps."""
    contexts = [cpu.context for cpu in machine.board.cpus if cpu.context is not None]
    roots = {one.get("cr3"): one for one in contexts if one.get("cr0") >> 31}
    return {cr3: ranges(machine, one) for cr3, one in roots.items()}
