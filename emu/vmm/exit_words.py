"""A row of the log of exits: what was asked with all its operands, and what came of it.

Exits are kept as values, what was asked and the effects of the answer. They become words here,
when somebody reads the row; what each call takes and gives stands in its own row of its table.
"""

from collections.abc import Iterator
from typing import Final

from emu.hw import interrupt
from emu.vmm import apic, sev
from emu.vmm import asked as ask
from emu.vmm import effects as fx
from emu.vmm.asked_words import describe
from emu.vmm.devices import port_words
from emu.vmm.hypercalls.call import Hypercall, Status
from emu.vmm.hypercalls.dispatch import hypercall_of
from emu.vmm.tdx.abi import Code, Operand
from emu.vmm.tdx.dispatch import leaf_of
from emu.vmm.tdx.host import GPRS, STATUSES, SUCCESS
from emu.vmm.tdx.leaf import Shown
from emu.vmm.tdx.vmcall import subfunction_of

_STATUS: Final = 0xFFFF
_REPS: Final = 0xFFF
_ICR, _SELF_IPI = 0x830, 0x83F
_FOUR: Final = ("rax", "rbx", "rcx", "rdx")
_OF_LEVEL: Final = (Code.PAGE_ALREADY_ACCEPTED, Code.PAGE_SIZE_MISMATCH)
"""Codes of ACCEPT whose detail is a level and no operand."""


def exit_words(asked: ask.Asked, effects: fx.Effects) -> str:
    """`tdcall TDG.MEM.PAGE.ACCEPT page=0x100000 level 1 (2M) -> SUCCESS`, `rdmsr X -> 0x1`."""
    given = operands(asked, effects)
    came = result(asked, effects)
    return f"{describe(asked)}{f' {given}' if given else ''}{f' -> {came}' if came else ''}"


# -- what was given ----------------------------------------------------------------------


def operands(asked: ask.Asked, effects: fx.Effects) -> str:
    """What `describe` leaves out of what was asked."""
    match asked:
        case ask.Vmcall(_, control, _, source, target):
            return _input(control, source, target, effects)
        case ask.Tdcall():
            return _tdcall(asked, effects)
        case ask.PortIn(_, port, width) | ask.PortOut(_, port, width):
            return _port(port, width)
        case ask.Wrmsr(_, msr, value) if msr == _ICR:
            return f"({apic.words(value)})"
        case ask.Wrmsr(_, msr, value) if msr == _SELF_IPI:
            return f"({apic.words(1 << 18 | value)})"
        case ask.Undefined(_, text):
            return text
        case ask.CpuFault(_, vector, error, _) if vector in interrupt.HAVE_ERROR_CODE:
            return f"error={error:#x}"
        case ask.NestedFault(_, _, _, gla) if gla is not None:
            return f"gla {gla:#x}"
        case ask.SevInstruction(_, mnemonic, address, rcx, rdx) if mnemonic != "vmgexit":
            return f"{address:#x} {'2M' if rcx & 1 else '4K'} edx={rdx & 0xFFFF_FFFF:#x}"
        case ask.RandomNumber(_, _, bits, into):
            return f"{bits} bits into {into}"
        case ask.SoftInterrupt(_, vector):
            return f"{vector:#x}"
        case ask.Monitor(_, address):
            return f"{address:#x}"
        case ask.Mwait(_, hint, extensions):
            return f"hint {hint:#x}" + (f" extensions {extensions:#x}" if extensions else "")
        case ask.Rdpmc(_, counter):
            return f"{counter:#x}"
        case ask.OddAccess(_, _, _, text) | ask.EngineFailed(_, text):
            return text
        case _:
            return ""


def _port(port: int, width: int) -> str:
    name = port_words(port)
    return " ".join((*([f"({name})"] if name else []), *([f"{width} B"] if width > 1 else [])))


def _input(control: int, source: int, target: int, effects: fx.Effects) -> str:
    """A hypercall's input list; where nobody has read it, the words that it came in."""
    call, given = hypercall_of(control), _given(effects)
    if call is None or not given:
        return f"control={control:#x} input={source:#x} output={target:#x}"
    return call.words(given, control >> 48 & _REPS, control >> 32 & _REPS)


def _given(effects: fx.Effects) -> bytes:
    return next((one.given for one in effects if isinstance(one, fx.Note) and one.given), b"")


def _tdcall(asked: ask.Tdcall, effects: fx.Effects) -> str:
    if asked.hypercall is not None:
        return _input(asked.hypercall, asked.operand("rdx"), asked.operand("r8"), effects)
    leaf = leaf_of(asked.leaf)
    own = _takes(asked, () if leaf is None else leaf.takes)
    if asked.subfunction is None:
        return own
    function = subfunction_of(asked.subfunction)
    if function is None or _registers(effects).get("rax"):
        return own  # the mask is what the module looks at
    return _takes(asked, function.takes, asked.operand("rcx"))


def _takes(asked: ask.Tdcall, shown: tuple[Shown, ...], mask: int = -1) -> str:
    """`mask`: the registers that the host is shown, a bit for each."""
    return " ".join(
        one.told(asked.operand(one.register)) if mask >> GPRS.index(one.register) & 1
        else f"{one.name}=hidden in {one.register}"
        for one in shown
    )  # fmt: skip


# -- what came of it ---------------------------------------------------------------------


def result(asked: ask.Asked, effects: fx.Effects) -> str:
    """What the guest got, or why it got nothing; empty where there is nothing to get, or
    nobody kept it."""
    left = _instead(asked, effects)
    if left:
        return left
    values = _registers(effects)
    why = "; ".join(one.why for one in effects if isinstance(one, fx.Note) and one.why)
    return " ".join(filter(None, (_came(asked, effects, values), f"({why})" if why else "")))


def _instead(asked: ask.Asked, effects: fx.Effects) -> str:
    """An exception, or the end of the machine."""
    for one in effects:
        match one:
            case fx.RaiseException(_, _, why, cause):
                known = isinstance(asked, ask.CpuFault | ask.Undefined | ask.SoftInterrupt)
                return cause if known else why
            case fx.Crash(reason):
                return f"ends the machine: {reason}"
    return ""


def _registers(effects: fx.Effects) -> dict[str, int]:
    """What the guest's registers were set to."""
    return dict(
        pair for one in effects if isinstance(one, fx.SetRegisters) for pair in one.values
    )


def _came(asked: ask.Asked, effects: fx.Effects, values: dict[str, int]) -> str:
    match asked:
        case ask.Vmcall(_, control, _):
            return _hypercall(control, values.get("rax"), effects)
        case ask.Tdcall():
            return _of_tdcall(asked, effects, values)
        case ask.Cpuid() if values:
            names = zip(("eax", "ebx", "ecx", "edx"), _FOUR, strict=True)
            return " ".join(f"{name}={values.get(one, 0):#x}" for name, one in names)
        case ask.Rdmsr() if values:
            return f"{values.get('rdx', 0) << 32 | values.get('rax', 0):#x}"
        case ask.PortIn(_, _, width) if values:
            return f"{values['rax'] & (1 << 8 * width) - 1:#x}"
        case ask.SevInstruction() if "rax" in values:
            changed = "" if not values.get("rflags", 0) & 1 else ", nothing changed"
            return f"{sev.words(values['rax'])}{changed}"
        case ask.MmioRead() | ask.ReadTaskPriority() | ask.RandomNumber() if values:
            return " ".join(f"{name}={value:#x}" for name, value in values.items())
        case _:
            return ""


def _hypercall(control: int, value: int | None, effects: fx.Effects) -> str:
    """Status by name; of a call for many how many are done; what was written to the output."""
    if value is None:
        return ""
    call = hypercall_of(control)
    done = value >> 32 & _REPS
    parts = [_status(value & _STATUS)]
    if call is not None and call.rep:
        parts.append(f"{done} of {control >> 32 & _REPS} done")
        parts += _output(call, effects)
    return ", ".join(parts)


def _status(value: int) -> str:
    known = {one.value: one.name for one in Status}
    name = known.get(value, "no known status")
    return name if not value else f"{name} ({value:#x})"


def _output(call: Hypercall, effects: fx.Effects) -> Iterator[str]:
    size = call.output_element_bytes
    for one in effects:
        if isinstance(one, fx.HostWrite) and size:
            parts = (one.data[at : at + size] for at in range(0, len(one.data), size))
            yield " ".join(f"{int.from_bytes(part, 'little'):#x}" for part in parts)


def _of_tdcall(asked: ask.Tdcall, effects: fx.Effects, values: dict[str, int]) -> str:
    """The status that matters: the module's, or behind it the host's."""
    status = values.get("rax")
    if status is None:
        return ""
    if status or asked.leaf:
        leaf = leaf_of(asked.leaf)
        return _told(_code(status), () if leaf is None else leaf.gives, values)
    if asked.hypercall is not None:
        if values.get("r10"):
            return _host(values["r10"])
        return _hypercall(asked.hypercall, values.get("r11"), effects)
    function = None if asked.subfunction is None else subfunction_of(asked.subfunction)
    if "r10" not in values:
        return "a status that R10 does not show"
    shown = function.gives if function and values["r10"] in (SUCCESS, 1) else ()
    return _told(_host(values["r10"]), shown, values)


def _host(status: int) -> str:
    name = STATUSES.get(status, "no known status")
    return name if status == SUCCESS else f"{name} (R10 {status:#x})"


def _code(status: int) -> str:
    """`OPERAND_INVALID of RCX (0x...)`."""
    known = {one.value: one for one in Code}
    code, detail = known.get(status >> 32), status & 0xFFFF_FFFF
    if not status:
        return "SUCCESS"
    if code is None:
        return f"no known status ({status:#x})"
    operand = {one.value: one.name for one in Operand}.get(detail, f"{detail:#x}")
    of = f" at level {detail}" if code in _OF_LEVEL else f" of {operand}"
    return f"{code.name}{of} ({status:#x})"


def _told(status: str, shown: tuple[Shown, ...], values: dict[str, int]) -> str:
    told = (one.told(values[one.register]) for one in shown if one.register in values)
    return " ".join((status, *told))
