"""Takes a hypercall apart, checks what all of them share, and hands it to its file."""

from typing import Final

from msgspec import Struct

from emu.hw.address import PAGE_BYTES, PAGE_MASK, Gpa
from emu.vmm.effects import Complete, Effects, HostWrite, Note, RaiseException, SetRegisters
from emu.vmm.hypercalls import (
    accept_pages,
    enable_partition_vtl,
    enable_vp_vtl,
    long_spin_wait,
    protection,
    start_vp,
    visibility,
    vp_index_from_apic_id,
    vp_registers,
)
from emu.vmm.hypercalls.call import Answer, Hypercall, Request, Status, refuse
from emu.vmm.msrs.hyperv import hypercalls_enabled
from emu.vmm.state import Caller

HYPERCALLS: Final = (
    long_spin_wait.CALL,
    protection.CALL,
    enable_partition_vtl.CALL,
    enable_vp_vtl.CALL,
    vp_registers.GET,
    vp_registers.SET,
    start_vp.CALL,
    vp_index_from_apic_id.CALL,
    accept_pages.CALL,
    visibility.CALL,
)
"""Every hypercall there is; any other code is refused."""

_BY_CODE: Final = {call.code: call for call in HYPERCALLS}

_UNDEFINED_OPCODE: Final = 6
_ALIGNMENT: Final = 8
_FAST: Final = 1 << 16
_RESERVED: Final = 0xF << 60 | 0xF << 44 | 0x1F << 27
"""Bits 63:60, 47:44, 30:27 and 31: we are no nested hypervisor."""
_VARIABLE_HEADER: Final = 0x3FF << 17


def hypercall_of(control: int) -> Hypercall | None:
    """The hypercall of a control word; None where there is no such code."""
    return _BY_CODE.get(control & 0xFFFF)


def hypercall_name(control: int) -> str:
    """What people call the hypercall of a control word: "EnableVpVtl", or its code."""
    call = _BY_CODE.get(control & 0xFFFF)
    return call.name if call else f"{control & 0xFFFF:#x}"


class HypercallResult(Struct, frozen=True):
    """What the hypervisor answers (TLFS, hypercall result value)."""

    status: Status
    reps: int
    """Elements completed, counted from element 0."""
    effects: Effects

    @property
    def value(self) -> int:
        """As the guest gets it: status in bits 15:0, completed elements in 43:32."""
        return self.status | self.reps << 32


def vmcall(caller: Caller) -> Effects:
    """VMCALL or VMMCALL: control in RCX, input in RDX, output in R8, the result in RAX.

    #UD before the guest has written its identity and enabled the hypercall page."""
    if not caller.platform.hyperv or not hypercalls_enabled(caller):
        return (RaiseException(_UNDEFINED_OPCODE, None, "hypercall with no hypercall page"),)
    control, source, target = (caller.registers(name) for name in ("rcx", "rdx", "r8"))
    result = dispatch(caller, control, source, target)
    return (*result.effects, SetRegisters((("rax", result.value),)), Complete())


def dispatch(caller: Caller, control: int, input_gpa: int, output_gpa: int) -> HypercallResult:
    """Carry out one hypercall, however it arrived.

    `control` is the hypercall input value; the addresses are GPAs without shared bit, or the
    two input words of a fast call. The output list is written by a `HostWrite` effect; one
    `Note` says what was asked and what was answered."""
    call = _BY_CODE.get(control & 0xFFFF)
    if call is None:
        why = "no such code"
        note = Note(f"hypercall {control & 0xFFFF:#06x}: {why}", why)
        return HypercallResult(Status.INVALID_HYPERCALL_CODE, 0, (note,))
    answer, given = _run(call, caller, control, input_gpa, output_gpa)
    written: Effects = ()
    if answer.output:
        start = (control >> 48 & 0xFFF) * call.output_element_bytes
        written = (HostWrite(Gpa(output_gpa + start), answer.output),)
    return HypercallResult(
        answer.status, answer.done, (*answer.effects, *written, _note(call, answer, given))
    )


def _note(call: Hypercall, answer: Answer, given: bytes) -> Note:
    refused = answer.status is not Status.SUCCESS
    outcome = f" -> {_words(answer.status)}" if refused else ""
    text = f"hypercall {call.name}: {answer.why}{outcome}"
    return Note(text, answer.why if refused else "", given)


def _words(status: Status) -> str:
    return f"{status:#x} {status.name}"


def _run(
    call: Hypercall, caller: Caller, control: int, source: int, target: int
) -> tuple[Answer, bytes]:
    """The answer, and the input as far as it was read."""
    count, first = control >> 32 & 0xFFF, control >> 48 & 0xFFF
    refusal = _bad_control(call, control, count, first)
    if refusal is not None:
        return refusal, b""
    if control & _FAST:
        data = source.to_bytes(8, "little") + target.to_bytes(8, "little")
        data = data[: call.header_bytes]
        return call.handle(Request(caller, data)), data
    read = _input(call, caller, source, count)
    if isinstance(read, Answer):
        return read, b""
    refusal = _bad_output(call, caller, target, count)
    return refusal or call.handle(Request(caller, read, first, count)), read


def _bad_control(call: Hypercall, control: int, count: int, first: int) -> Answer | None:
    why = None
    if control & (_RESERVED | _VARIABLE_HEADER):
        why = f"control {control:#x} has reserved bits set"
    elif control & _FAST and not call.fast:
        why = "it has no fast form"
    elif call.rep and not first < count:
        why = f"element {first} of {count}"
    elif not call.rep and (count or first):
        why = "it takes no elements"
    return refuse(Status.INVALID_HYPERCALL_INPUT, why) if why else None


def _bad_list(name: str, gpa: int, count: int) -> Answer | None:
    if gpa % _ALIGNMENT:
        return refuse(Status.INVALID_ALIGNMENT, f"{name} {gpa:#x} is not 8-byte aligned")
    if (gpa & PAGE_MASK) + count > PAGE_BYTES:
        return refuse(Status.INVALID_ALIGNMENT, f"{name} {gpa:#x} crosses a page")
    return None


def _input(call: Hypercall, caller: Caller, gpa: int, count: int) -> bytes | Answer:
    size = call.header_bytes + count * call.element_bytes
    refusal = _bad_list("input", gpa, size)
    if refusal is not None:
        return refusal
    data = caller.memory.read(Gpa(gpa), size)
    if data is None:
        return refuse(Status.INVALID_ALIGNMENT, f"input {gpa:#x} is not in memory")
    return data


def _bad_output(call: Hypercall, caller: Caller, gpa: int, count: int) -> Answer | None:
    size = count * call.output_element_bytes
    if not size:
        return None
    refusal = _bad_list("output", gpa, size)
    if refusal is None and caller.memory.state(Gpa(gpa)) is None:
        return refuse(Status.INVALID_ALIGNMENT, f"output {gpa:#x} is not in memory")
    return refusal
