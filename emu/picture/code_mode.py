"""The mode of code, which need not be that of the CPU through which somebody looks at it.

Where a CPU was seen to begin code of a kind, or to stand, the kind is known. Behind a far
transfer whose target nobody has executed it is a guess, and the listing says so.
"""

from typing import Final

from msgspec import Struct

from emu.boot.disasm import Instruction, decode
from emu.boot.flow import flow
from emu.hw.cpu import Cpu
from emu.machine.code import INSTRUCTION_BYTES
from emu.machine.code_modes import CodeModes
from emu.machine.machine import Machine

INSTRUCTIONS: Final = 200
"""So many are followed from each place that is known."""
_BITS: Final = {"long": 64, "compatibility": 32, "protected": 32, "real": 16}
_FAR: Final = ("ljmp", "retf", "iret")
"""Stems of those behind which other code may stand."""
OF_IMAGES: Final = "as its image is for 64-bit processors"
OF_THE_CPU: Final = "as the CPU in focus decodes"


class CodeMode(Struct, frozen=True):
    """How code is decoded, as `Context.coding` says, and why, if that is a guess."""

    coding: str
    guess: str = ""

    @property
    def words(self) -> str:
        """`16-bit code`, `64-bit code (a guess, as ...)`."""
        why = f" (a guess, {self.guess})" if self.guess else ""
        return f"{_BITS[self.coding]}-bit code{why}"


def mode_at(machine: Machine, cpu: Cpu, address: int) -> CodeMode:
    """The mode of the code at a linear address, looked at through a CPU: as the CPU itself
    executes it, as it was seen executed, as code leads there from a place that was, or a
    guess."""
    board = machine.board
    if board.linear_rip(cpu) == address:
        return CodeMode(cpu.registers.coding)
    found = board.code_modes.at(address) or _led_to(machine, cpu, address)
    return CodeMode(found) if found else _guess(machine, cpu, address)


def _led_to(machine: Machine, cpu: Cpu, address: int) -> str | None:
    """The mode in which code comes to an address from a place that is known; None where none is
    seen to lead there."""
    board, context = machine.board, cpu.registers
    known = {board.linear_rip(cpu): context.coding} | dict(board.code_modes.nearest(address))
    for place, coding in known.items():

        def decoded(at: int, coding: str = coding) -> Instruction | None:
            data = board.virtual.most(context, at, INSTRUCTION_BYTES)
            code = decode(data, at, coding)
            # Behind a far transfer other code may stand.
            return None if code is None or code.mnemonic.startswith(_FAR) else code

        if address in flow(decoded, (place,), INSTRUCTIONS).codes:
            return coding
    return None


def _guess(machine: Machine, cpu: Cpu, address: int) -> CodeMode:
    """What nobody has executed is as its image is, all of which are for 64 bits."""
    board = machine.board
    own = cpu.registers.coding
    origin = board.copies.original(cpu.registers, address)
    images = board.layout.placed
    if not any(one.holds(origin) for one in images):
        return CodeMode(own, OF_THE_CPU if own != "long" else "")
    return CodeMode("long", OF_IMAGES if own != "long" else "")


def mode_behind(modes: CodeModes, code: Instruction, mode: CodeMode) -> CodeMode:
    """The mode of what stands behind an instruction: that of a place which is known; behind a
    far transfer, which other code may follow, a guess; else the same."""
    found = modes.at(code.address + code.size)
    if found is not None:
        return CodeMode(found)
    if code.mnemonic.startswith(_FAR) and mode.coding != "long":
        return CodeMode("long", OF_IMAGES)
    return mode
