"""Somebody's mailbox loop, in which the APs begin, and an OS on the BSP that wakes them.

The OS finds what a kernel behind the sample shim finds: boot_params in RSI, memory mapped one
to one, a device tree with the mailbox, and ACPI tables with it, too. There is no firmware but
the loop: its APs begin as the platform's `[loop]` says (`emu.boot.ap_loop`), on tables of their
own that map the same, each with a page of stack. Where there is a plan (`emu.boot.loop_plan`),
the OS is ours and follows it.
"""

import struct
from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from emu.boot.ap_loop import MODES, ApLoop, RegisterMeaning, place_in
from emu.boot.contracts.contract import Contract, Loaded
from emu.boot.dtb_os import os_tree
from emu.boot.entry import DATA_SELECTOR, RESET_VECTOR, EntryState, long_mode
from emu.boot.image import Image, Placed
from emu.boot.layout import BootLayout, Builder, Region
from emu.boot.lines import LineTable
from emu.boot.linux import acpi
from emu.boot.loop_plan import SETUP_PLAN, Step, moves, packed, steps_of
from emu.boot.pagetables import TABLE_PAGES_MAX, identity_tables
from emu.boot.parameters import Range
from emu.boot.places import Places, chunks_of
from emu.boot.platform import Platform
from emu.boot.structs import structs_of
from emu.boot.symbols import SymbolMap
from emu.errors import ImageError, PlatformError
from emu.given.number import parsed
from emu.hw.address import PAGE_BYTES, PAGE_MASK, align_up

_GDT: Final = struct.pack("<4Q", 0, 0x00CF9B000000FFFF, 0x00AF9B000000FFFF, 0x00CF93000000FFFF)
"""Selector 8 is 32-bit code, 0x10 64-bit code, 0x18 flat data; all accessed."""
_CODE32: Final = 8
_LOW_BYTES: Final = 640 << 10
"""Memory below 1 MiB, where somebody's addresses lie there."""
_REAL_END: Final = 1 << 20
_E820_RAM, _E820_RESERVED = 1, 2
_SETUP_DTB: Final = 2
_E820: Final = struct.Struct("<QQI")
_RSDP_AT: Final = 0x70
_E820_COUNT_AT, _LOADER_AT, _SETUP_DATA_AT, _E820_AT = 0x1E8, 0x210, 0x250, 0x2D0
_HEADER: Final = struct.Struct("<QII")
"""Of a setup_data node: the next one, its type, and how many bytes follow."""
"""boot_params (Linux, Documentation/arch/x86/zero-page.rst)."""


def lay_out(loaded: Loaded) -> BootLayout:
    """Place everything; raises ImageError or PlatformError where it does not fit."""
    kernel, platform = _kernel(loaded), loaded.platform
    given = platform.loop
    base = platform.memory_base, platform.memory_bytes
    addresses = [one for one in (given.at, given.mailbox) if one is not None]
    low = given.mode == "real" or any(one < _LOW_BYTES for one in addresses)
    ram = ((0, _LOW_BYTES), base) if low and base[0] else (base,)
    taken = Places(ram, loaded.image)
    loop = _loop(loaded.image, given, taken)
    for gpa, data in loaded.more:
        taken.at(gpa, len(data), "--load")
    early = taken.page(given.mailbox, loop)
    ours = _Ours(loaded, kernel, ram, 0)
    ours = _Ours(loaded, kernel, ram, taken.room(ours.build.next))
    mailbox = taken.room(PAGE_BYTES) if ours.moves else early
    firmware: tuple[Range, ...] = (
        (ours.start, ours.build.next - ours.start), (loop.start, _size(loop.image))
    )  # fmt: skip
    firmware += tuple(
        (gpa & ~PAGE_MASK, align_up(gpa % PAGE_BYTES + len(data), PAGE_BYTES))
        for gpa, data in loaded.more
    )
    reset = _reset(loop, loaded)
    ours.describe(firmware, mailbox, reset, (_start(loop, given), early))
    ours.build.regions += [
        Region("mailbox loop", *firmware[1]), Region("mailbox", mailbox, PAGE_BYTES)
    ]  # fmt: skip
    chunks = (*ours.build.chunks, *chunks_of(loop), *loaded.more)
    images = (loop, ours.kernel)
    return BootLayout(
        name=loaded.image.path.name, ram=ram, accepted=ram, chunks=chunks,
        entry=ours.bsp(), others=tuple(_entries(ours, platform, loop, early)),
        regions=tuple(ours.build.regions), placed=images, symbols=SymbolMap(images),
        lines=LineTable(images), structs=structs_of(kernel), mailbox_gpa=mailbox,
        os_entry=ours.entry, places=() if reset is None else (("left", (f"{reset:#x}",)),),
    )  # fmt: skip


def _kernel(loaded: Loaded) -> Image:
    """The OS that is to run beside it."""
    kernel = loaded.kernel
    assert kernel is not None, "a contract that hands over is given a kernel"
    if kernel.kind == "executable":
        raise ImageError(f"{kernel.path}: a kernel must be position independent")
    return kernel


def _size(image: Image) -> int:
    return align_up(image.size, PAGE_BYTES)


def _loop(image: Image, given: ApLoop, taken: Places) -> Placed:
    """The loop where it is wanted."""
    at = given.at
    if at is None and image.kind == "executable":
        at = image.first
    if at is None:
        at = taken.room(image.size, given.mode == "real")
    else:
        taken.at(at, image.size, "--at")
    return Placed("loop", image, at - image.first)


class _Ours:
    """The OS, and what a loader lays beside it, in one piece."""

    def __init__(
        self, loaded: Loaded, kernel: Image, ram: tuple[Range, ...], start: int
    ) -> None:
        self._platform, self._ram, self._bootargs = loaded.platform, ram, loaded.cmdline
        self.start = start
        self.build = build = Builder(start)
        self._gdt = build.place("GDT", _GDT)
        self._tables, _ = build.take("page tables", TABLE_PAGES_MAX * PAGE_BYTES)
        self.ap_tables, _ = build.take("page tables of APs", TABLE_PAGES_MAX * PAGE_BYTES)
        self._stacks, _ = build.take("stacks", self._platform.cpus * PAGE_BYTES)
        self._parameters, _ = build.take("boot_params", PAGE_BYTES)
        tree = os_tree(
            self._platform, ram=ram, reserved=((0, 0), (1, 0)), mailbox=0, reset_vector=0,
            bootargs=self._bootargs,
        )  # fmt: skip
        self._tree, self._room = build.take("device tree", len(tree) + PAGE_BYTES)
        self._plan = self._planned()
        plan = _HEADER.size + len(packed(self._plan, 0, 0, False))
        self._plan_at, _ = build.take("plan", plan)
        tables = acpi.tables(0, self._platform.apic_ids, 0, 0).data
        self._acpi, _ = build.take("ACPI tables", len(tables))
        self.kernel = build.load("kernel", kernel, build.next)
        self.entry = kernel.entry + self.kernel.bias
        build.chunks += [
            (at, identity_tables(at, ram, local_map=False, reset_page=False))
            for at in (self._tables, self.ap_tables)
        ]

    def stack(self, cpu: int) -> int:
        """The top of a CPU's own page."""
        return self._stacks + PAGE_BYTES * (cpu + 1)

    @property
    def moves(self) -> bool:
        """Whether the plan brings the CPUs to another mailbox."""
        return moves(self._plan)

    def _planned(self) -> tuple[Step, ...]:
        """What the OS is to do; raises PlatformError."""
        given, platform = self._platform.loop, self._platform
        if not given.plan:
            return ()
        return steps_of(
            given.plan, platform.cpus, back=bool(given.reset), dialect=platform.dialect
        )

    def _tables_of(self, mailbox: int, reset: int | None) -> bytes:
        return acpi.tables(
            self._acpi, self._platform.apic_ids, mailbox, reset, self._platform.absent
        ).data

    def describe(
        self,
        firmware: tuple[Range, ...],
        mailbox: int,
        reset: int | None,
        early: tuple[int, int],
    ) -> None:
        """Fill in what the OS reads: `firmware` is what the CPUs run on that wait; `early`:
        where they come into the loop, and the mailbox that they have there."""
        by_acpi = self._platform.loop.find == "madt"
        kept = (*firmware, (mailbox, PAGE_BYTES)) if by_acpi else firmware
        tree = os_tree(
            self._platform, ram=self._ram, reserved=kept,
            mailbox=None if by_acpi else mailbox, reset_vector=reset, bootargs=self._bootargs,
        )  # fmt: skip
        start, first = early
        plan = packed(self._plan, start, first if self.moves else 0, by_acpi)
        next_ = self._plan_at if self._plan else 0
        header = _HEADER.pack(next_, _SETUP_DTB, len(tree))
        assert len(header) + len(tree) <= self._room, "the tree outgrew its region"
        page = bytearray(PAGE_BYTES)
        entries = tuple(_map(self._ram, (*firmware, (mailbox, PAGE_BYTES))))
        page[_E820_COUNT_AT] = len(entries)
        page[_LOADER_AT] = 0xFF
        struct.pack_into("<Q", page, _SETUP_DATA_AT, self._tree)
        struct.pack_into("<Q", page, _RSDP_AT, self._acpi)
        for index, entry in enumerate(entries):
            _E820.pack_into(page, _E820_AT + _E820.size * index, *entry)
        self.build.chunks += [
            (self._tree, header + tree), (self._parameters, bytes(page)),
            (self._plan_at, _HEADER.pack(0, SETUP_PLAN, len(plan)) + plan),
            (self._acpi, self._tables_of(mailbox, reset)),
        ]  # fmt: skip

    def bsp(self) -> EntryState:
        """The BSP enters the OS."""
        return long_mode(self.entry, self._parameters, self._tables, self._gdt, len(_GDT))

    def ap(self, mode: str, rip: int) -> EntryState:
        """How an AP begins, but for its registers."""
        state = replace(self.bsp(), rip=rip, rsi=0, cr3=self.ap_tables)
        if mode == "long":
            return state
        if mode == "real":
            return replace(state, kind="real")
        return replace(
            RESET_VECTOR, kind="protected", rip=rip, gdt_base=self._gdt,
            gdt_limit=len(_GDT) - 1,
            code_selector=_CODE32, data_selector=DATA_SELECTOR,
        )  # fmt: skip


def _map(ram: tuple[Range, ...], kept: tuple[Range, ...]) -> Iterator[tuple[int, int, int]]:
    """(GPA, bytes, type) of E820: memory, without what is kept."""
    for start, size in sorted(ram):
        at, end = start, start + size
        for first, some in sorted(kept):
            if not at <= first < end:
                continue
            page = first & ~PAGE_MASK
            if page > at:
                yield at, page - at, _E820_RAM
            at = align_up(first + some, PAGE_BYTES)
            yield page, at - page, _E820_RESERVED
        if at < end:
            yield at, end - at, _E820_RAM


def _reset(loop: Placed, loaded: Loaded) -> int | None:
    """Where the OS hands a CPU back, which may be in another file; raises PlatformError."""
    word = loaded.platform.loop.reset
    at = parsed(word)
    if at is not None and any(gpa <= at < gpa + len(data) for gpa, data in loaded.more):
        return at
    return place_in(loop, word, "--loop-reset") if word else None


def _start(loop: Placed, given: ApLoop) -> int:
    """Where APs come into it."""
    if given.entry:
        return place_in(loop, given.entry, "--loop-entry")
    return loop.image.entry + loop.bias


def _entries(
    ours: _Ours, platform: Platform, loop: Placed, mailbox: int
) -> Iterator[EntryState]:
    """How CPUs 1, 2, ... begin."""
    given = platform.loop
    rip = _start(loop, given)
    if given.mode == "real":
        _check_real(platform, loop, rip)
    state = ours.ap(given.mode, rip)
    for cpu in range(1, platform.present):
        means: dict[RegisterMeaning, int] = {
            "mailbox": mailbox, "vcpu": cpu, "apic-id": platform.apic_ids[cpu],
            "stack": ours.stack(cpu), "tables": ours.ap_tables,
        }  # fmt: skip
        values = {
            name: what if isinstance(what, int) else means[what]
            for name, what in given.registers
        }
        yield replace(
            state,
            **{name: values.pop(name, 0) for name in ("rsp", "rsi", "rdi")},
            registers=tuple(values.items()),
        )


def _check_real(platform: Platform, loop: Placed, rip: int) -> None:
    """A start-up IPI names a page below 1 MiB, and a TD knows no real mode; raises
    PlatformError."""
    if platform.isolation == "tdx":
        raise PlatformError(f"--loop-mode real: a TD has no real mode: {', '.join(MODES[:2])}")
    if rip >= _REAL_END or rip & PAGE_MASK:
        raise PlatformError(
            f"--loop-mode real: a start-up IPI starts at a page below 1 MiB, not at {rip:#x}: "
            f"give {loop.image.path} --at such a page"
        )


CONTRACT: Final = Contract(
    "mailbox-loop",
    "somebody's mailbox loop, with an OS that wakes its APs",
    lambda _: False,
    lay_out,
    takes=("kernel", "cmdline"),
)
"""An image does not say that it is one: `--ap-loop` does."""
