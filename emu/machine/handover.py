"""What the shim leaves in memory for others to read: its AP records and the kernel's tree."""

from functools import lru_cache
from typing import Final

from msgspec import Struct

from emu.boot.dtb import read_tree, wakeup_mailbox
from emu.boot.layout import BootLayout
from emu.boot.roles import Roles
from emu.boot.structs import Layout
from emu.hw.address import PAGE_BYTES, Gpa, Hpa, page_of
from emu.hw.cpu import Cpu
from emu.machine.board import Board
from emu.machine.lap import Loop
from emu.mailbox.layout import OS_BYTES

SETUP_DATA: Final = 0x250
"""boot_params.hdr.setup_data (Linux, Documentation/arch/x86/boot)."""
SETUP_DTB: Final = 2
_HEADER: Final = 16
_LIST_MAX: Final = 16
_DTB_MAX: Final = 2 << 20
_RECORDS_MAX: Final = 4_096


def mailbox_of(layout: BootLayout, roles: Roles, tree: bytes | None = None) -> Gpa | None:
    """Where the mailbox page lies: it is the reset page, a place of that role, or what the
    `tree` that the OS is handed says."""
    found = roles.first("mailbox") if layout.mailbox_gpa is None else layout.mailbox_gpa
    if found is None and tree is not None:
        found = wakeup_mailbox(read_tree(tree))
    return None if found is None else Gpa(page_of(found))


def at_mailbox(board: Board, loop: Loop) -> bool:
    """Whether a loop looks at the OS's half of the mailbox page."""
    return any(
        board.ram.page_at(hpa) == board.mailbox_gpa and hpa % PAGE_BYTES < OS_BYTES
        for hpa, _, _ in loop.reads
        if board.mailbox_gpa is not None
    )


def loop_start(cpu: Cpu, loop: Loop) -> int:
    """The lowest linear address of a loop, wherever in it a CPU was found to wait."""
    base = 0 if cpu.registers.mode == "long" else cpu.registers.segment("cs").base
    return min(loop.path) + base


class ApRecord(Struct, frozen=True):
    """The shim's own word on one AP (`struct ap_record` in shim/abi.h)."""

    state: str
    reason: str

    @property
    def failed(self) -> bool:
        """Whether the shim gave this AP up."""
        return self.state == "AP_FAILED"


def ap_record(board: Board, cpu: Cpu) -> ApRecord | None:
    """The record of a CPU; None for the BSP, and where the image has no such records.

    The role `ap-records` is a pointer to one record per AP, VP index 1 first and
    `ap-record-stride` bytes apart; the layout comes from the image's DWARF.
    """
    layout = board.layout.structs.get("ap_record")
    found = _records(board)
    if cpu.id == 0 or layout is None or found is None:
        return None
    base, stride = found
    data = board.ram.guest_bytes(base + (cpu.id - 1) * stride, layout.size)
    if data is None or cpu.id > _count(board, base, stride):
        return None
    return _record(layout, data)


@lru_cache(maxsize=_RECORDS_MAX)
def _record(layout: Layout, data: bytes) -> ApRecord:
    """Of a thousand CPUs few have another record than at the last look."""
    values = layout.decode(data)
    return ApRecord(str(values["state"]), str(values["reason"]))


def ap_record_words(board: Board) -> list[int]:
    """By VP index, from 1 on: the first 8 bytes of each record, in which its state is, to be
    compared with later; empty where the image has no such records."""
    found = _records(board)
    if found is None or len(board.cpus) == 1:
        return []
    (base, stride), count = found, _count(board, *found)
    first, last = board.ram.hpa(base), board.ram.hpa(base + (count - 1) * stride)
    if first is None or last != first + (count - 1) * stride:
        return []
    u64 = board.memory.u64
    return [u64(Hpa(first + index * stride)) for index in range(count)]


def in_ap_record(board: Board, gpa: int) -> bool:
    """Whether an address lies in the record of an AP."""
    return record_owner(board, gpa) is not None


def record_owner(board: Board, gpa: int) -> int | None:
    """The AP in whose record an address lies."""
    found, layout = _records(board), board.layout.structs.get("ap_record")
    if found is None or layout is None:
        return None
    base, stride = found
    index, offset = divmod(gpa - base, stride) if stride else (0, gpa - base)
    within = 0 <= index < _count(board, base, stride) and 0 <= offset < layout.size
    return index + 1 if within else None


def _count(board: Board, base: int, stride: int) -> int:
    """How many records there are: a firmware may have none for CPUs that were not there."""
    present, layout = board.platform.present, board.layout.structs.get("ap_record")
    if present == len(board.cpus) or layout is None:
        return present - 1
    data = board.ram.guest_bytes(base + (present - 1) * stride, layout.size)
    known = data is not None and layout.decode(data)["apic_id"] == board.cpus[present].apic_id
    return len(board.cpus) - 1 if known else present - 1


def _records(board: Board) -> tuple[int, int] | None:
    """GPA of the first record, and bytes from one to the next."""
    layout = board.layout.structs.get("ap_record")
    place, apart = board.roles.first("ap-records"), board.roles.first("ap-record-stride")
    if layout is None or place is None:
        return None
    stride = layout.size if apart is None else _u64(board, apart) & 0xFFFFFFFF
    base = _u64(board, place)
    return (base, stride) if base else None


def kernel_dtb(board: Board) -> bytes | None:
    """The blob behind setup_data type 2 of the boot_params the kernel was entered with."""
    gpa = kernel_dtb_gpa(board)
    return None if gpa is None else _blob(board, gpa)


def kernel_dtb_gpa(board: Board) -> int | None:
    """Where that blob lies."""
    if board.boot_params is None:
        return None
    node = _u64(board, board.boot_params + SETUP_DATA)
    for _ in range(_LIST_MAX):
        if not node:
            return None
        header = board.ram.guest_bytes(node, _HEADER)
        if header is None:
            return None
        kind = int.from_bytes(header[8:12], "little")
        if kind == SETUP_DTB:
            return node + _HEADER
        node = int.from_bytes(header[:8], "little")
    return None


def host_dtb(board: Board) -> bytes | None:
    """The device tree that the host handed to the shim, as guest memory has it now."""
    gpa = board.layout.host_dtb_gpa
    return None if gpa is None else _blob(board, gpa)


def _blob(board: Board, gpa: int) -> bytes | None:
    """A device tree by the total size in its own header (Devicetree 0.4, 5.2)."""
    head = board.ram.guest_bytes(gpa, 8)
    if head is None or head[:4] != b"\xd0\x0d\xfe\xed":
        return None
    size = int.from_bytes(head[4:8], "big")
    return board.ram.guest_bytes(gpa, size) if size <= _DTB_MAX else None


def _u64(board: Board, gpa: int) -> int:
    return int.from_bytes(board.ram.guest_bytes(Gpa(gpa), 8) or b"", "little")
