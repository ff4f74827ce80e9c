"""Entry through the guest's IDT: the frame, the stack it lands on, and why it can fail."""

import struct

import pytest

from emu.hw import interrupt
from emu.hw.context import Context
from emu.hw.selftest import OffsetProbe
from emu.hw.vmcb import SegmentState

IDT, GDT, TSS, STACK = 0x4000, 0x5000, 0x6000, 0x8000
HANDLER = 0x12345678


class _Memory:
    """The probe's guest memory by address: identity-mapped, 2 MiB."""

    def __init__(self, probe: OffsetProbe) -> None:
        self.probe = probe

    def read(self, gva: int, count: int) -> bytes | None:
        return self.probe.read(gva, count) if gva + count <= 0x180000 else None

    def write(self, gva: int, data: bytes) -> bool:
        if not 0x7000 <= gva < 0x9000:
            return False
        self.probe.write(gva, data)
        return True


@pytest.fixture
def guest() -> tuple[Context, _Memory, interrupt.GuestAccess]:
    probe = OffsetProbe()
    context, _ = probe.run(b"\x90\x0f\xa2")
    memory = _Memory(probe)
    probe.write(GDT + 8, struct.pack("<Q", 0x00AF9B000000FFFF))
    probe.write(TSS + 36, struct.pack("<Q", STACK + 0x800))  # IST1
    context.put_segment("idtr", SegmentState(0, IDT, 0xFFF, 0))
    context.put_segment("gdtr", SegmentState(0, GDT, 0xF, 0))
    context.put_segment("tr", SegmentState(0, TSS, 0x67, 0x8B))
    context.put("rsp", STACK - 8)
    return context, memory, interrupt.GuestAccess(memory.read, memory.write)


def _gate(memory: _Memory, vector: int, *, ist: int = 0, flags: int = 0x8E00) -> None:
    low, middle = HANDLER & 0xFFFF, HANDLER >> 16
    entry = struct.pack("<HHHHII", low, 8, flags | ist, middle, 0, 0)
    memory.probe.write(IDT + 16 * vector, entry)


def test_the_frame_of_a_page_fault(
    guest: tuple[Context, _Memory, interrupt.GuestAccess],
) -> None:
    context, memory, access = guest
    _gate(memory, 14)
    flags = context.get("rflags")
    assert interrupt.deliver(context, access, 14, 2, 0x10001) is None
    pushed = context.get("rsp")
    assert pushed == (STACK - 8 & ~0xF) - 48
    frame = struct.unpack("<6Q", memory.read(pushed, 48) or b"")
    assert frame == (2, 0x10001, 8, flags, STACK - 8, 0x10)
    assert context.rip == HANDLER
    assert not context.get("rflags") & 0x200


def test_an_ist_entry_lands_on_its_own_stack(
    guest: tuple[Context, _Memory, interrupt.GuestAccess],
) -> None:
    context, memory, access = guest
    _gate(memory, 8, ist=1)
    assert interrupt.deliver(context, access, 8, 0, 0x10001) is None
    assert context.get("rsp") == STACK + 0x800 - 48


@pytest.mark.parametrize(
    ("vector", "why"),
    [
        (3, "IDT entry 3 is no present interrupt or trap gate"),
        (14, "the stack at"),
    ],
)
def test_a_delivery_that_fails_says_why_and_changes_nothing(
    guest: tuple[Context, _Memory, interrupt.GuestAccess], vector: int, why: str
) -> None:
    context, memory, access = guest
    _gate(memory, 14)
    context.put("rsp", 0x100000)
    before = context.architectural()
    refused = interrupt.deliver(context, access, vector, None, 0x10001)
    assert refused is not None and refused.why.startswith(why)
    assert context.architectural() == before


def test_no_idt_at_all(guest: tuple[Context, _Memory, interrupt.GuestAccess]) -> None:
    context, _, access = guest
    context.put_segment("idtr", SegmentState(0, 0, 0, 0))
    refused = interrupt.deliver(context, access, 13, 0, 1)
    assert refused == interrupt.Refusal(13, "no IDT entry 13: IDT limit is 0x0")


@pytest.mark.parametrize(
    ("first", "second", "double"),
    [(13, 13, True), (14, 14, True), (14, 13, True), (13, 14, False), (3, 14, False)],
)
def test_which_faults_double(first: int, second: int, double: bool) -> None:
    assert interrupt.doubles(first, second) is double
