"""Entry through the guest's IDT: the frame, the stack it lands on, and why it can fail."""

import struct
from typing import Final

import pytest

from emu.hw import interrupt
from emu.hw.context import Context
from emu.hw.interrupt import AccessRefused, Delivery, GuestAccess, Refusal
from emu.hw.selftest import OffsetProbe
from emu.hw.vmcb import SegmentState

IDT, GDT, TSS, STACK = 0x4000, 0x5000, 0x6000, 0x8000
HANDLER = 0x12345678
CODE: Final = 0x00AF9B000000FFFF
DESCRIPTORS: Final = (
    0, CODE, 0x00CF93000000FFFF, 0x00CF9B000000FFFF, 0x00AF1B000000FFFF, 0x00AFFB000000FFFF,
)  # fmt: skip
"""8: 64-bit code, 16: data, 24: 32-bit code, 32: not present, 40: DPL 3."""


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

    def refused(self, gva: int, count: int, writes: bool) -> AccessRefused:
        return AccessRefused(gva, 2 if writes else 0, "L1 is not present")


Probed = tuple[Context, _Memory, GuestAccess]


@pytest.fixture
def guest() -> Probed:
    probe = OffsetProbe()
    context, _ = probe.run(b"\x90\x0f\xa2")
    memory = _Memory(probe)
    probe.write(GDT, struct.pack(f"<{len(DESCRIPTORS)}Q", *DESCRIPTORS))
    probe.write(TSS + 36, struct.pack("<Q", STACK + 0x800))  # IST1
    context.put_segment("idtr", SegmentState(0, IDT, 0xFFF, 0))
    context.put_segment("gdtr", SegmentState(0, GDT, 8 * len(DESCRIPTORS) - 1, 0))
    context.put_segment("tr", SegmentState(0x60, TSS, 0x67, 0x8B))
    context.put("rsp", STACK - 8)
    return context, memory, GuestAccess(memory.read, memory.write, memory.refused)


def _gate(
    memory: _Memory, vector: int, *, ist: int = 0, flags: int = 0x8E00, selector: int = 8,
    handler: int = HANDLER,
) -> None:  # fmt: skip
    low, middle = handler & 0xFFFF, handler >> 16 & 0xFFFF
    entry = struct.pack("<HHHHII", low, selector, flags | ist, middle, handler >> 32, 0)
    memory.probe.write(IDT + 16 * vector, entry)


def test_the_frame_of_a_page_fault(guest: Probed) -> None:
    context, memory, access = guest
    _gate(memory, 14)
    flags = context.get("rflags")
    assert interrupt.deliver(context, access, Delivery(14, 2, 0x10001)) is None
    pushed = context.get("rsp")
    assert pushed == (STACK - 8 & ~0xF) - 48
    frame = struct.unpack("<6Q", memory.read(pushed, 48) or b"")
    assert frame == (2, 0x10001, 8, flags, STACK - 8, 0x10)
    assert context.rip == HANDLER
    assert not context.get("rflags") & 0x200


def test_an_ist_entry_lands_on_its_own_stack(guest: Probed) -> None:
    context, memory, access = guest
    _gate(memory, 8, ist=1)
    assert interrupt.deliver(context, access, Delivery(8, 0, 0x10001)) is None
    assert context.get("rsp") == STACK + 0x800 - 48


def test_an_nmi_blocks_the_next_one_until_iret() -> None:
    probe = OffsetProbe()
    context, _ = probe.run(b"\x90\x0f\xa2")
    assert not context.nmi_blocked
    context.block_nmi()
    saved = context.save()
    assert context.nmi_blocked
    context.load(saved)
    assert context.nmi_blocked


UNREACHED: Final = 1 << 40
REFUSED: Final[dict[str, tuple[dict[str, int], int, int, int | None]]] = {
    # SDM 2A, INT n, 64-bit mode exceptions, and 3A 6.13: what is wrong with the gate of vector
    # 3 -> exception, error code without EXT, CR2
    "IDT limit": ({"limit": 3 * 16 + 14}, 13, 3 << 3 | 2, None),
    "gate is no interrupt or trap gate": ({"flags": 0x8C00}, 13, 3 << 3 | 2, None),
    "a task gate": ({"flags": 0x8500}, 13, 3 << 3 | 2, None),
    "gate is not present": ({"flags": 0x0E00}, 11, 3 << 3 | 2, None),
    "selector is null": ({"selector": 3}, 13, 0, None),
    "selector is beyond the GDT": ({"selector": 0x3B}, 13, 0x38, None),
    "selector is in the LDT, which is empty": ({"selector": 0xC}, 13, 0xC, None),
    "no code segment": ({"selector": 0x10}, 13, 0x10, None),
    "code segment without L": ({"selector": 0x18}, 13, 0x18, None),
    "code segment is not present": ({"selector": 0x20}, 11, 0x20, None),
    "DPL above CPL": ({"selector": 0x28}, 13, 0x28, None),
    "handler is not canonical": ({"handler": 1 << 62}, 13, 0, None),
    "TSS is too short for its IST": ({"ist": 1, "tss": 36 + 6}, 10, 0x60, None),
    "stack is not canonical": ({"rsp": 1 << 62}, 12, 0, None),
    "IDT is not mapped": ({"idt": UNREACHED}, 14, 0, UNREACHED + 48),
    "GDT is not mapped": ({"gdt": UNREACHED}, 14, 0, UNREACHED + 8),
    "TSS is not mapped": ({"ist": 1, "tss_base": UNREACHED}, 14, 0, UNREACHED + 36),
    "stack is not mapped": ({"rsp": 0x100000}, 14, 2, 0x100000 - 40),
}


@pytest.mark.parametrize("software", [False, True])
@pytest.mark.parametrize("wrong", REFUSED)
def test_a_delivery_that_fails_is_the_exception_of_the_manual_and_changes_nothing(
    guest: Probed, wrong: str, software: bool
) -> None:
    context, memory, access = guest
    how, vector, code, address = REFUSED[wrong]
    gate = {name: how[name] for name in ("flags", "selector", "handler", "ist") if name in how}
    _gate(memory, 3, **gate)
    limit, idt = how.get("limit", 0xFFF), how.get("idt", IDT)
    context.put_segment("idtr", SegmentState(0, idt, limit, 0))
    gdt = how.get("gdt", GDT)
    context.put_segment("gdtr", SegmentState(0, gdt, 8 * len(DESCRIPTORS) - 1, 0))
    tss = SegmentState(0x60, how.get("tss_base", TSS), how.get("tss", 0x67), 0x8B)
    context.put_segment("tr", tss)
    context.put("rsp", how.get("rsp", STACK))
    before = context.architectural()
    refused = interrupt.deliver(context, access, Delivery(3, None, 0x10001, software))
    assert isinstance(refused, Refusal) and refused.why
    external = 0 if software or address is not None else 1
    assert (refused.vector, refused.error_code, refused.address) == (
        vector, code | external, address,
    )  # fmt: skip
    assert context.architectural() == before


@pytest.mark.parametrize(("software", "refused"), [(True, True), (False, False)])
def test_a_program_s_own_int_needs_a_gate_for_its_level(
    guest: Probed, software: bool, refused: bool
) -> None:
    context, memory, access = guest
    _gate(memory, 3)
    memory.probe.write(TSS + 4, struct.pack("<Q", STACK))
    context.put_cpl(3)
    found = interrupt.deliver(context, access, Delivery(3, None, 0x10001, software))
    assert (found is not None) == refused
    if found is not None:
        assert (found.vector, found.error_code) == (13, 3 << 3 | 2)
    else:
        assert (context.cpl, context.get("rsp")) == (0, STACK - 40)


CLASSES: Final = {
    # SDM 3A, table 6-4
    "benign": (1, 2, 3, 4, 5, 6, 7, 9, 16, 17, 18, 19),
    "contributory": (0, 10, 11, 12, 13, 21),
    "page fault": (14, 20),
}


def test_the_classes_of_exceptions() -> None:
    for name, vectors in CLASSES.items():
        assert {interrupt.class_of(vector) for vector in vectors} == {name}


@pytest.mark.parametrize(
    ("first", "benign", "contributory", "page_fault"),
    [
        # SDM 3A, table 6-5
        ("benign", "serial", "serial", "serial"),
        ("contributory", "serial", "double", "serial"),
        ("page fault", "serial", "double", "double"),
        ("double fault", "serial", "shutdown", "shutdown"),
    ],
)
def test_which_faults_double(
    first: interrupt.FaultClass, benign: str, contributory: str, page_fault: str
) -> None:
    for name, wanted in zip(CLASSES, (benign, contributory, page_fault), strict=True):
        found = {interrupt.follows(first, vector) for vector in CLASSES[name]}
        assert found == {wanted}
