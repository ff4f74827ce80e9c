"""Instructions that reach a device in a way that `mmio` does not decode: completed as well.

For that one instruction the guest has a page there, with what the device's registers read as;
what stands in it afterwards and is another value was stored to the device. A store of the very
value that was read is not seen so: plain stores, which are, never come here.
"""

from typing import Final, Protocol

from emu.hw.address import PAGE_BYTES, Gpa, Hpa, page_of
from emu.hw.cpu import Cpu
from emu.hw.exit import Exit, ExitKind
from emu.hw.nested_walk import ERROR_FETCH
from emu.hw.vmcb import EXIT_NPF
from emu.machine import apply
from emu.machine.board import Board
from emu.machine.build import HYPERCALL_CODE
from emu.machine.execute import execute
from emu.vmm.asked import OddAccess
from emu.vmm.devices import Devices
from emu.vmm.effects import Cost, Effect
from emu.vmm.state import Caller

_SPARE: Final = Hpa(HYPERCALL_CODE + PAGE_BYTES)
"""The host's page that is lent."""
_REACH: Final = 64
"""Bytes from an operand's first on that are the device's: no operand is longer."""
_WORD: Final = 4


class Completes(apply.Parts, Protocol):
    """Whoever's parts a device's answers reach."""


def lend(parts: Completes, cpu: Cpu, exit_: Exit) -> Exit | None:
    """None if the exit is of another kind. Else its instruction has run, and BUDGET is left."""
    board = parts.board
    if exit_.kind is not ExitKind.INTERCEPT or exit_.code != EXIT_NPF or board.is_td:
        return None
    if exit_.error & ERROR_FETCH or board.devices.window_at(exit_.info) is None:
        return None
    asked = board.ask(cpu, exit_)
    if not isinstance(asked, OddAccess):
        return None
    caller, page = board.caller(cpu), Gpa(page_of(exit_.info))
    before = _image(board.devices, caller, page, exit_.info)
    tick, clock_ps = board.tick, cpu.clock_ps
    left, after = _run(board, cpu, page, before)
    if left.kind is not ExitKind.BUDGET:
        return None
    effects: list[Effect] = []
    for at in range(0, PAGE_BYTES, _WORD):
        word = after[at : at + _WORD]
        if word != before[at : at + _WORD]:
            value = int.from_bytes(word, "little")
            effects += board.devices.write(caller, page + at, _WORD, value) or ()
    effects.append(Cost(board.platform.costs.io_ns))
    board.count_exit(asked)
    price_ps = apply.carry_out(parts, cpu, tuple(effects))
    board.logs.exits.note(tick, clock_ps, cpu.id, asked, price_ps, tuple(effects))
    return left


def _image(devices: Devices, caller: Caller, page: Gpa, gpa: int) -> bytes:
    """What the page reads as around an operand; all ones elsewhere."""
    found = bytearray(b"\xff" * PAGE_BYTES)
    first = gpa - page & -_WORD
    for at in range(first, min(first + _REACH, PAGE_BYTES), _WORD):
        read = devices.read(caller, page + at, _WORD)
        if read is not None:
            found[at : at + _WORD] = read[0].to_bytes(_WORD, "little")
    return bytes(found)


def _run(board: Board, cpu: Cpu, page: Gpa, before: bytes) -> tuple[Exit, bytes]:
    """Run the instruction with a page of these bytes; what it came to, and the bytes then."""
    board.memory.derive(_SPARE, before)
    board.npt.show(page, _SPARE)
    board.engine.flush_tlb()
    try:
        left = execute(board, cpu)
    finally:
        board.npt.hide(page)
        board.engine.flush_tlb()
    return left, board.memory.read(_SPARE, PAGE_BYTES)
