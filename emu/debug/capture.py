"""What two moments are compared by: a machine's registers, tables and some of its pages."""

from dataclasses import dataclass

from emu.debug import registers
from emu.debug.picture import mailbox_view
from emu.debug.view import MailboxView
from emu.hw.address import PAGE_BYTES, Gpa, Hpa
from emu.hw.context import Context
from emu.hw.nested import ACCESSED, DIRTY, NO_EXECUTE, PRESENT, WRITE
from emu.machine.handover import kernel_dtb
from emu.machine.machine import Machine

_ENTRIES = 512
_TABLES_MAX = 4096
"""Guest tables that are read for one capture; more are not looked at."""
_ADDRESS = 0x000F_FFFF_FFFF_F000
_LARGE = 1 << 7


@dataclass(frozen=True, slots=True)
class CpuCapture:
    """One CPU: what it does, and every register by name."""

    activity: str
    milestone: str
    values: dict[str, int]
    cr3: int


@dataclass(frozen=True, slots=True)
class Mapped:
    """Guest-virtual pages in a row with equal rights."""

    gva: int
    gpa: int
    size: int
    rights: str


@dataclass(frozen=True, slots=True)
class Capture:
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
    gpas = {hpa: machine.ram.page_at(hpa) for hpa in sorted(pages)}
    found: dict[int, bytes] = {
        gpa: machine.memory.read(Hpa(hpa), PAGE_BYTES)
        for hpa, gpa in gpas.items()
        if gpa is not None
    }
    cpus = tuple(
        CpuCapture(
            cpu.activity, cpu.milestone,
            {} if cpu.context is None else registers.values(cpu.context),
            0 if cpu.context is None else cpu.context.get("cr3"),
        )
        for cpu in machine.cpus
    )  # fmt: skip
    return Capture(
        machine.tick, machine.now_ps() // 1000, cpus, mailbox_view(machine), found,
        _tables(machine), _nested(machine), kernel_dtb(machine),
    )  # fmt: skip


def _nested(machine: Machine) -> dict[int, tuple[int, str]]:
    """Every leaf of the model that is present, with the page's state."""
    found: dict[int, tuple[int, str]] = {}
    for gpa, _, size in machine.ram.views():
        for page in range(gpa, gpa + size, PAGE_BYTES):
            leaf = machine.npt.leaf(page) & ~(ACCESSED | DIRTY)
            if leaf & PRESENT:
                state = machine.ram.state(Gpa(page & ~machine.shared_alias)) or ""
                found[page] = leaf, state
    return found


def rights(entry: int) -> str:
    """`r`, `rw`, `rx` or `rwx` of a leaf."""
    write = "w" if entry & WRITE else ""
    return f"r{write}" + ("" if entry & NO_EXECUTE else "x")


def _tables(machine: Machine) -> dict[int, tuple[Mapped, ...]]:
    """What every distinct CR3 maps."""
    contexts = [cpu.context for cpu in machine.cpus if cpu.context is not None]
    roots = {one.get("cr3"): one for one in contexts if one.get("cr0") >> 31}
    return {cr3: _mapped(machine, one) for cr3, one in roots.items() if one.mode == "long"}


def _mapped(machine: Machine, context: Context) -> tuple[Mapped, ...]:
    found: list[Mapped] = []
    left = _TABLES_MAX
    waiting = [(context.get("cr3") & _ADDRESS, 39, 0, "rwx")]
    while waiting and left:
        table, shift, base, above = waiting.pop()
        left -= 1
        hpa = machine.npt.hpa_of(table)
        if hpa is None:
            continue
        deeper = []
        for index in range(_ENTRIES):
            entry = machine.memory.u64(hpa + 8 * index)
            if not entry & PRESENT:
                continue
            gva = base | index << shift
            allowed = "".join(right for right in rights(entry) if right in above)
            if shift == 12 or entry & _LARGE:
                gpa = entry & _ADDRESS & ~((1 << shift) - 1)
                found.append(Mapped(gva, gpa, 1 << shift, allowed))
            else:
                deeper.append((entry & _ADDRESS, shift - 9, gva, allowed))
        waiting += deeper
    return _merged(sorted(found, key=lambda one: one.gva))


def _merged(found: list[Mapped]) -> tuple[Mapped, ...]:
    rows: list[Mapped] = []
    for one in found:
        last = rows[-1] if rows else None
        if (
            last is not None
            and last.rights == one.rights
            and last.gva + last.size == one.gva
            and last.gpa + last.size == one.gpa
        ):
            rows[-1] = Mapped(last.gva, last.gpa, last.size + one.size, last.rights)
        else:
            rows.append(one)
    return tuple(rows)
