"""A machine before its first tick: memory, tables and CPUs as a loader and a VMM leave them."""

from typing import Final

from emu.boot.layout import BootLayout
from emu.boot.platform import Platform
from emu.boot.roles import Phase, roles_of
from emu.boot.shim_parameters import with_regions
from emu.errors import ImageError, PlatformError
from emu.hw.address import ENCRYPTION_BIT, PAGE_BYTES, RESET_PAGE, Gpa, Hpa, align_up
from emu.hw.cpu import Cpu
from emu.hw.engine import LOW_HOST_BYTES, Engine
from emu.hw.memory import HostMemory
from emu.hw.nested import NestedPageTable
from emu.hw.vmcb import VMCB_BYTES
from emu.machine import apply, entry, start_msrs
from emu.machine.addresses import Addresses
from emu.machine.aps import LiveAps
from emu.machine.board import Board
from emu.machine.code import CodeReader
from emu.machine.code_modes import CodeModes
from emu.machine.copies import Copies
from emu.machine.handover import mailbox_of
from emu.machine.ram import SHARED_ALIAS, GuestRam
from emu.machine.undo import UndoLog
from emu.machine.virtual_memory import VirtualMemory
from emu.vmm import apic, plugged
from emu.vmm.devices import STANDARD
from emu.vmm.devices.open_bus import with_open_bus
from emu.vmm.hypercalls import hypercall_page
from emu.vmm.state import VmmState, VpState

HYPERCALL_CODE: Final = Hpa(LOW_HOST_BYTES)
"""The host's page that overlays the guest's hypercall page: VMMCALL; RET."""
VMCBS: Final = Hpa(1 << 20)
TABLES: Final = Hpa(16 << 20)
GUEST: Final = Hpa(64 << 20)
"""Guest memory begins here in the host, so a GPA never equals its HPA."""
VMMCALL: Final = b"\x0f\x01\xd9"


def board_of(platform: Platform, layout: BootLayout, seed: int) -> Board:
    """Everything in place, and the BSP at its first instruction."""
    layout, two_views = with_regions(layout), platform.isolation == "tdx"
    guest_bytes = sum(align_up(size, PAGE_BYTES) for _, size in layout.ram)
    memory = HostMemory(GUEST + guest_bytes * (2 if two_views else 1))
    memory.encryption_bit = ENCRYPTION_BIT if platform.isolation == "snp" else 0
    memory.write(HYPERCALL_CODE, hypercall_page(VMMCALL))
    engine = Engine(memory, td=two_views)
    ram = GuestRam(memory, layout.ram, GUEST, two_views)
    npt = NestedPageTable(memory, TABLES, Hpa(GUEST - TABLES))
    code = CodeReader(memory, npt)
    virtual = VirtualMemory(ram, npt, code)
    try:
        given = (*layout.places, *platform.roles)
        roles = roles_of(layout.symbols, given, layout.os_entry, _begins(platform, layout))
    except PlatformError as error:
        raise PlatformError(f"platform {platform.name}: {error}") from None
    board = Board(
        platform=platform, layout=layout, roles=roles, seed=seed, memory=memory, engine=engine,
        ram=ram, npt=npt, virtual=virtual, code=code,
        copies=Copies(layout, virtual), code_modes=CodeModes(), undo=UndoLog(memory, npt),
        cpus=_cpus(platform),
        vmm=VmmState([VpState(one) for one in platform.apic_ids], seed=seed),
        aps=LiveAps(platform.apic_ids), mailbox_gpa=mailbox_of(layout, roles),
        devices=with_open_bus(layout.ram) if layout.open_bus else STANDARD,
        addresses=Addresses(engine), shared_alias=SHARED_ALIAS, hypercall_code=HYPERCALL_CODE,
    )  # fmt: skip
    _lay_out(board)
    _start(board)
    return board


def _begins(platform: Platform, layout: BootLayout) -> tuple[tuple[Phase, int], ...]:
    """Where a shim begins that hands over to an OS, and the code that leads to it."""
    entry, reset = layout.entry.rip, platform.start == "reset-vector"
    shim = next((one for one in layout.placed if one.name == "shim"), None)
    if shim is None or layout.os_entry is None or entry == layout.os_entry:
        return ()
    first = RESET_PAGE + PAGE_BYTES - 16
    found: list[tuple[Phase, int]] = [("reset", first)] if reset else []
    return (*found, ("shim", shim.image.entry + shim.bias))


def _cpus(platform: Platform) -> tuple[Cpu, ...]:
    return tuple(
        Cpu(index, apic_id, Hpa(VMCBS + VMCB_BYTES * index), platform.ps_per_instruction(index))
        for index, apic_id in enumerate(platform.apic_ids)
    )


def _lay_out(board: Board) -> None:
    """The nested table over all banks, and what the loader placed."""
    layout, ram = board.layout, board.ram
    isolated = board.platform.isolation != "none"
    for bank in ram.banks:
        count = bank.size // PAGE_BYTES
        ram.set_state(bank, bank.gpa, count, "unaccepted" if isolated else "shared")
        if not isolated:
            board.npt.map(bank.gpa, bank.hpa, count)
    if isolated:
        for gpa, size in layout.accepted:
            apply.set_page_state(board, Gpa(gpa), size // PAGE_BYTES, "private", zero=False)
    for gpa, data in layout.chunks:
        hpa = ram.hpa(gpa)
        assert hpa is not None, f"the loader placed bytes at {gpa:#x}, outside memory"
        board.memory.write(hpa, data)
    for gpa, data in layout.shared:
        shared = ram.bank(gpa)
        assert shared is not None, f"the loader placed bytes at {gpa:#x}, outside memory"
        board.memory.write(Hpa(shared.shared_hpa + gpa - shared.gpa), data)
        if board.platform.isolation in ("tdx", "snp"):
            pages = align_up(len(data), PAGE_BYTES) // PAGE_BYTES
            apply.set_page_state(board, Gpa(gpa), pages, "shared", zero=False)


def _start(board: Board) -> None:
    """Every CPU off (or waiting for a SIPI), but those that begin by themselves: the BSP, and
    whom the layout has begin with it."""
    vps, entries = board.vmm.vps, (board.layout.entry, *board.layout.others)
    present = board.platform.present
    for cpu in board.cpus[present:]:
        plugged.put_flags(board.vmm, cpu.id, plugged.EJECTED | plugged.ABSENT)
    if board.platform.start == "sipi":
        for cpu in board.cpus[len(entries) : present]:
            board.turn(cpu, "wait-for-sipi")
            vps[cpu.id].wait_for_sipi = True
    if board.layout.x2apic:
        for cpu in board.cpus:
            apic.begin_in_x2apic(board.vmm, cpu.id)
    for cpu, begins in zip(board.cpus, entries, strict=False):
        vps[cpu.id].started = vps[cpu.id].vtl2_enabled = True
        if (problem := entry.why_not(begins)) is not None:
            raise ImageError(f"{board.layout.name}: no CPU can begin so: {problem}")
        board.start(cpu, entry.from_loader(begins, board.platform.vp_init))
        board.vmm.msrs.update({(cpu.id, msr): value for msr, value in begins.msrs})
        if begins.state != "running":
            board.turn(cpu, begins.state)
            vps[cpu.id].wait_for_sipi = begins.state == "wait-for-sipi"
    for number, msr, value in board.layout.msrs:
        start_msrs.put(board, board.cpus[number], msr, value)
