"""What every hypercall has in common: control word, lists in memory, the result in RAX."""

import struct

import pytest

from emu.hw.address import U64, Gpa
from emu.vmm.effects import Complete, HostWrite, RaiseException, SetRegisters
from emu.vmm.hypercalls import HYPERCALLS, dispatch, hypercall_page, vmcall
from emu.vmm.msrs.hyperv import GUEST_OS_ID, HYPERCALL
from tests.vmm.builder import APIC_IDS, RAM, Guest, notes, of

INPUT, OUTPUT = RAM, RAM + 0x1000
NOWHERE = 0x7000_0000
GET_INDEX = 0x9A
APIC_HEADER = struct.pack("<QB7s", U64, 0, bytes(7))


def reps(code: int, count: int, first: int = 0) -> int:
    return code | count << 32 | first << 48


@pytest.mark.parametrize(
    ("control", "status"),
    [
        (0xFFFF, 2),
        (0x0001, 2),
        (reps(GET_INDEX, 1) | 1 << 60, 3),
        (reps(GET_INDEX, 1) | 1 << 27, 3),
        (reps(GET_INDEX, 1) | 1 << 31, 3),
        (reps(GET_INDEX, 1) | 1 << 44, 3),
        (reps(GET_INDEX, 1) | 1 << 17, 3),
        (reps(GET_INDEX, 1) | 1 << 16, 3),
        (reps(GET_INDEX, 0), 3),
        (reps(GET_INDEX, 2, 2), 3),
        (reps(0x0F, 1), 3),
        (reps(0x99, 0, 1), 3),
        (reps(GET_INDEX, 1), 0),
    ],
)
def test_the_control_word_is_checked(control: int, status: int) -> None:
    guest = Guest()
    guest.memory.write(INPUT, APIC_HEADER)
    assert dispatch(guest.caller(), control, INPUT, OUTPUT).status == status


@pytest.mark.parametrize(
    ("source", "target", "status"),
    [
        (INPUT + 4, OUTPUT, 4),
        (INPUT + 0xFF0, OUTPUT, 4),
        (INPUT, OUTPUT + 2, 4),
        (INPUT, OUTPUT + 0xFF8, 4),
        (NOWHERE, OUTPUT, 4),
        (INPUT, NOWHERE, 4),
        (INPUT + 0xFD0, OUTPUT, 0),
        (INPUT, OUTPUT + 0xFF0, 0),
    ],
)
def test_lists_lie_aligned_in_one_page_of_memory(source: int, target: int, status: int) -> None:
    guest = Guest()
    if source != NOWHERE and source & 7 == 0:
        guest.memory.write(source, APIC_HEADER + bytes(16))
    assert dispatch(guest.caller(), reps(GET_INDEX, 4), source, target).status == status


def test_the_result_goes_to_rax_with_the_completed_elements() -> None:
    guest = Guest()
    guest.vmm.msrs = {(None, GUEST_OS_ID): 1 << 40, (None, HYPERCALL): 0x800_2001}
    guest.memory.write(INPUT, APIC_HEADER + struct.pack("<4I", *APIC_IDS))
    effects = vmcall(guest.caller(rcx=reps(GET_INDEX, 4), rdx=INPUT, r8=OUTPUT))
    assert effects[-2:] == (SetRegisters((("rax", 4 << 32),)), Complete())
    assert of(HostWrite, effects) == [HostWrite(Gpa(OUTPUT), struct.pack("<4I", 0, 1, 2, 3))]


def test_a_rep_call_continues_where_it_is_told_to() -> None:
    guest = Guest()
    guest.memory.write(INPUT, APIC_HEADER + struct.pack("<4I", *APIC_IDS))
    result = dispatch(guest.caller(), reps(GET_INDEX, 4, 2), INPUT, OUTPUT)
    assert result.value == 4 << 32
    assert of(HostWrite, result.effects) == [
        HostWrite(Gpa(OUTPUT + 8), struct.pack("<2I", 2, 3))
    ]


@pytest.mark.parametrize(
    "msrs",
    [
        {},
        {(None, GUEST_OS_ID): 1},
        {(None, HYPERCALL): 1},
        {(None, GUEST_OS_ID): 1, (None, HYPERCALL): 0x1000},
    ],
)
def test_hypercalls_are_undefined_before_they_are_set_up(msrs: dict[object, int]) -> None:
    guest = Guest()
    guest.vmm.msrs = msrs  # type: ignore[assignment]
    assert isinstance(vmcall(guest.caller())[0], RaiseException)


def test_a_machine_without_hyperv_has_no_hypercalls() -> None:
    guest = Guest(hyperv=False)
    guest.vmm.msrs = {(None, GUEST_OS_ID): 1, (None, HYPERCALL): 1}
    assert vmcall(guest.caller()) == (
        RaiseException(6, None, "hypercall with no hypercall page"),
    )


def test_a_fast_call_carries_its_input_in_registers() -> None:
    result = dispatch(Guest().caller(), 0x08 | 1 << 16, 1234, 0)
    assert result.value == 0
    assert notes(result.effects) == "hypercall NotifyLongSpinWait: after 1234 spins"


def test_the_log_says_what_was_refused_and_why() -> None:
    result = dispatch(Guest().caller(), 0x0F, NOWHERE, 0)
    assert notes(result.effects) == (
        "hypercall EnableVpVtl: input 0x70000000 is not in memory -> 0x4 INVALID_ALIGNMENT"
    )
    assert (
        notes(dispatch(Guest().caller(), 0x77, 0, 0).effects)
        == "hypercall 0x0077: no such code"
    )


def test_every_code_is_there_once() -> None:
    codes = [call.code for call in HYPERCALLS]
    assert sorted(codes) == [0x08, 0x0C, 0x0D, 0x0F, 0x50, 0x51, 0x99, 0x9A, 0xD9, 0xDB]


def test_the_hypercall_page_calls_and_returns() -> None:
    page = hypercall_page(b"\x0f\x01\xd9")
    assert page[:5] == b"\x0f\x01\xd9\xc3\xcc"
    assert page[0x10:0x1C] == b"\x48\x89\xc8\xb9\x11\0\0\0\x0f\x01\xd9\xc3"
    assert len(page) == 4096
