"""Builds what a VMM handler looks at: a platform, a state, a small guest memory, a caller."""

import struct
from collections.abc import Mapping
from typing import Any, TypeVar

from emu.boot.platform import Costs, Platform
from emu.hw.address import PAGE_BYTES, PAGE_MASK, Gpa
from emu.vmm.ciphertext import ciphertext
from emu.vmm.devices import STANDARD
from emu.vmm.effects import Effects, Note, PageState, SetDevice, SetPageState
from emu.vmm.state import Caller, VmmState, VpState

E = TypeVar("E")
RAM = 0x800_0000
"""Where the small memory begins."""
APIC_IDS = (0, 2, 4, 300)


class Memory:
    """Pages with a state and bytes; in a TD the host reads ciphertext of what is not shared."""

    def __init__(self, pages: Mapping[int, PageState], td: bool) -> None:
        self.pages: dict[int, PageState] = dict(pages)
        self.data = {page: bytearray(PAGE_BYTES) for page in pages}
        self.td = td

    def write(self, gpa: int, data: bytes) -> None:
        offset = gpa & PAGE_MASK
        self.data[gpa - offset][offset : offset + len(data)] = data

    def read(self, gpa: Gpa, count: int) -> bytes | None:
        out = b""
        while count:
            page, offset = gpa & ~PAGE_MASK, gpa & PAGE_MASK
            if page not in self.pages:
                return None
            taken = bytes(self.data[page][offset : offset + count])
            hidden = self.td and self.pages[page] != "shared"
            out += ciphertext(gpa, taken) if hidden else taken
            gpa, count = Gpa(gpa + len(taken)), count - len(taken)
        return out

    def state(self, gpa: Gpa) -> PageState | None:
        return self.pages.get(gpa & ~PAGE_MASK)

    def page_states(self, gpa: Gpa, count: int) -> frozenset[PageState | None]:
        pages = range(gpa, gpa + count * PAGE_BYTES, PAGE_BYTES)
        return frozenset(self.pages.get(page) for page in pages)


class Guest:
    """One CPU of a machine with four: set registers, state and memory, then make calls."""

    def __init__(self, isolation: str = "none", **changes: Any) -> None:
        settings: dict[str, Any] = {
            "name": "test",
            "isolation": isolation,
            "start": "reset-vector" if isolation == "tdx" else "hypercall",
            "hyperv": True,
            "apic_ids": APIC_IDS,
            "speeds": (1.0,) * len(changes.get("apic_ids", APIC_IDS)),
            "memory_base": RAM,
            "memory_bytes": 8 << 20,
            "low_memory_bytes": 0,
            "tsc_hz": 2_000_000_000,
            "accept_level": "2M",
            "dialect": "",
            "costs": Costs(),
        }
        self.platform = Platform(**(settings | changes))
        first: PageState = "shared" if isolation == "tdx" else "private"
        self.memory = Memory(
            {RAM + n * PAGE_BYTES: first for n in range(8)}, isolation == "tdx"
        )
        self.vmm = VmmState([VpState(apic_id) for apic_id in self.platform.apic_ids])
        self.vmm.vps[0].vtl2_enabled = self.vmm.vps[0].started = True
        self.registers: dict[str, int] = {}
        self.cpu = 0
        self.nanoseconds = 0
        self.bus = STANDARD

    def pages(self, first: int, count: int, state: PageState) -> None:
        """Add pages, or change the state of pages."""
        for page in range(first, first + count * PAGE_BYTES, PAGE_BYTES):
            self.memory.pages[page] = state
            self.memory.data.setdefault(page, bytearray(PAGE_BYTES))

    def caller(self, **registers: int) -> Caller:
        values = self.registers | registers
        return Caller(
            self.cpu,
            lambda name: values.get(name, 0),
            self.nanoseconds,
            self.platform,
            self.vmm,
            self.memory,
            self.bus,
        )


def of(kind: type[E], effects: Effects) -> list[E]:
    """The effects of one kind."""
    return [effect for effect in effects if isinstance(effect, kind)]


def out(guest: Guest, port: int, value: int) -> None:
    """OUT of a byte, with what the device remembers kept."""
    _kept(guest, guest.bus.port_out(guest.caller(), port, 1, value))


def inp(guest: Guest, port: int) -> int:
    """IN of a byte, likewise."""
    value, effects = guest.bus.port_in(guest.caller(), port, 1)
    _kept(guest, effects)
    return value


def _kept(guest: Guest, effects: Effects) -> None:
    for one in of(SetDevice, effects):
        guest.vmm.devices[one.device, one.register] = one.value


def change(
    gpa: int, count: int, state: PageState, *, zero: bool = False, large: bool = False
) -> SetPageState:
    """The effect that pages change their state."""
    return SetPageState(Gpa(gpa), count, state, zero, large)


def notes(effects: Effects) -> str:
    """What the event log gets."""
    return "\n".join(note.text for note in of(Note, effects))


def context(**changes: int) -> bytes:
    """224 bytes of HV_INITIAL_VP_CONTEXT in 64-bit mode, with named fields changed."""
    fields = {
        "rip": 0x800_1000, "rsp": 0x800_4000, "rflags": 2,
        "cs": 0xA09B, "data": 0xC093, "tr": 0x8B, "ldtr": 0x82,
        "fs_base": 0, "idt_base": 0x800_2000, "gdt_base": 0x800_3000,
        "efer": 0xD00, "cr0": 0x8001_0021, "cr3": 0x800_5000, "cr4": 0x620,
        "pat": 0x0007_0406_0007_0406,
    } | changes  # fmt: skip

    def segment(selector: int, attributes: int, limit: int, base: int = 0) -> bytes:
        return struct.pack("<QIHH", base, limit, selector, attributes)

    data, flat = fields["data"], 0xFFFF_FFFF
    segments = (
        segment(0x10, fields["cs"], flat),
        *(segment(0x18, data, flat) for _ in range(2)),
        segment(0x18, data, flat, fields["fs_base"]),
        *(segment(0x18, data, flat) for _ in range(2)),
        segment(0, fields["tr"], 0xFFFF),
        segment(0, fields["ldtr"], 0),
    )
    tables = struct.pack("<6xHQ", 0xFFF, fields["idt_base"])
    tables += struct.pack("<6xHQ", 0x1F, fields["gdt_base"])
    tail = struct.pack("<5Q", *(fields[name] for name in ("efer", "cr0", "cr3", "cr4", "pat")))
    head = struct.pack("<3Q", fields["rip"], fields["rsp"], fields["rflags"])
    return head + b"".join(segments) + tables + tail
