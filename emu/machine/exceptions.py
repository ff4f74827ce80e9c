"""Exceptions and interrupts on their way into a handler, and what comes of one that does not
get there: another, a double fault, or a CPU that shuts down and takes its machine with it."""

from typing import Final, Protocol

from emu.hw import interrupt
from emu.hw.address import PAGE_BYTES
from emu.hw.context import Context
from emu.hw.cpu import Cpu
from emu.hw.nested_walk import AccessKind
from emu.machine.board import Board
from emu.machine.cpu_witness import CpuWitness
from emu.machine.own_access import OwnAccess
from emu.vmm.asked import CpuFault
from emu.vmm.effects import RaiseException

_UNKNOWN: Final = "it cannot be reached"


class Delivers(Protocol):
    """Whoever has the parts that a delivery reaches."""

    board: Board
    own: OwnAccess
    cpu_witness: CpuWitness


def raise_exception(
    parts: Delivers, cpu: Cpu, effect: RaiseException, size: int = 0, *, external: bool = False
) -> None:
    """Enter the handler of an exception, of a software interrupt, which returns behind its
    instruction of `size` bytes, or of an interrupt from outside (`external`). What forbids it
    is the next exception, as in SDM 3, table 6-5, each of them an event."""
    board, context = parts.board, cpu.registers
    where, rip = board.place(cpu) + board.inlined(cpu), context.rip
    benign = effect.software or external
    kind = "benign" if benign else interrupt.class_of(effect.vector)
    software = effect.software
    what = interrupt.Delivery(
        effect.vector, effect.error_code, rip + size if software else rip, software
    )
    cause = f": {effect.cause}" if effect.cause else ""
    chain = [f"{effect.why} at {board.source(cpu)}{cause}"]
    if effect.fault_address is not None:
        context.put("cr2", effect.fault_address)
    board.event(cpu, "fault", f"{effect.why} at {where}{cause}")
    guest = access_of(parts, cpu)
    while (refused := interrupt.deliver(context, guest, what)) is not None:
        while_ = f"while delivering {interrupt.name_of(what.vector)}"
        if refused.host:
            _ask_host(board, cpu, f"{refused.why}, {while_} at {where}")
            return
        outcome = interrupt.follows(kind, refused.vector)
        chain.append(f"{interrupt.name_of(refused.vector)} ({refused.why})")
        if outcome == "shutdown":
            shut_down(parts, cpu, f"{' -> '.join(chain)}: triple fault")
            return
        if refused.address is not None:
            context.put("cr2", refused.address)
        _tell(board, cpu, refused, f"{chain[-1]} {while_} at {where}")
        what = interrupt.Delivery(refused.vector, _code(refused), rip)
        if outcome == "double":
            chain.append("#DF")
            what = interrupt.Delivery(interrupt.DOUBLE_FAULT, 0, rip)
            board.event(cpu, "fault", f"#DF at {where}", CpuFault(0, what.vector, 0, 0))
        kind = interrupt.class_of(what.vector)
    parts.cpu_witness.raised(cpu, effect)


def _code(refused: interrupt.Refusal) -> int | None:
    known = refused.vector in interrupt.HAVE_ERROR_CODE
    return refused.error_code if known else None


def _tell(board: Board, cpu: Cpu, refused: interrupt.Refusal, text: str) -> None:
    """An exception that no instruction raised: it is in no log of exits, so that the event has
    to say which it is."""
    raised = CpuFault(0, refused.vector, refused.error_code, refused.address or 0)
    board.event(cpu, "fault", text, raised)


def _ask_host(board: Board, cpu: Cpu, why: str) -> None:
    """What the nested table refuses while the processor delivers is no #VE, as it would be for
    an instruction (SDM 3, 25.5.7.1), but an exit, and no host goes on from it."""
    board.crash = f"cpu {cpu.id}: {why}"
    board.event(cpu, "fault", why)


def access_of(parts: Delivers, cpu: Cpu) -> interrupt.GuestAccess:
    """Memory as the processor itself reaches it."""
    own, context = parts.own, cpu.registers
    return interrupt.GuestAccess(
        lambda gva, count: own.read(cpu, gva, count),
        lambda gva, data: own.write(cpu, gva, data),
        lambda gva, count, writes: _refused(own, context, gva, count, writes),
    )


def _refused(
    own: OwnAccess, context: Context, gva: int, count: int, writes: bool
) -> interrupt.AccessRefused:
    """Why an access has failed: the first page of it that a walk does not get to."""
    kind: AccessKind = "write" if writes else "read"
    at = gva
    while at < gva + count:
        found = own.refused(context, at, kind)
        if found.verdict != "ok":
            host = found.verdict.startswith("nested")
            return interrupt.AccessRefused(at, found.error_code, found.why, host)
        at += PAGE_BYTES - at % PAGE_BYTES
    return interrupt.AccessRefused(gva, 2 if writes else 0, _UNKNOWN)


def shut_down(parts: Delivers, cpu: Cpu, reason: str) -> None:
    """A CPU has shut down, and with it the machine, on every platform. KVM leaves with
    KVM_EXIT_SHUTDOWN, upon which QEMU resets everything (`kvm_cpu_exec`); OpenVMM halts all VPs
    (`HaltReason::TripleFault`); the TDX module disables the vCPU (TDX_NON_RECOVERABLE_VCPU,
    `td_dispatcher`), which KVM, too, tells by KVM_EXIT_SHUTDOWN."""
    board = parts.board
    board.turn(cpu, "shutdown")
    cpu.reason = reason
    board.event(cpu, "state", f"shuts down: {reason}")
    board.crash = f"cpu {cpu.id} shut down: {reason}"
