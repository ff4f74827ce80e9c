"""The stack of one CPU, frame by frame: each word, and what it is."""

from collections.abc import Iterator
from typing import Final, Literal

from emu.hw.address import U64
from emu.hw.cpu import Cpu
from emu.machine.machine import Machine
from emu.picture.pointed import pointed
from emu.picture.sections import StackRow, StackView
from emu.unwind.frame import Backtrace, Frame

WORDS_MAX: Final = 32
"""Of one frame; of a larger one the first and the last."""
LAST_WORDS: Final = 4
"""Of a frame whose end nobody knows."""
ROWS_MAX: Final = 400
_WORD: Final = 8
_INTERRUPT: Final = ("interrupted at", "cs", "rflags", "rsp", "ss")
"""What a CPU pushes, from the lowest address on (SDM 3, figure 6-9)."""


def stack_view(machine: Machine, cpu: Cpu, found: Backtrace) -> StackView:
    """The rows of a backtrace's frames."""
    rows: list[StackRow] = []
    for frame, outer in zip(found.frames, (*found.frames[1:], None), strict=False):
        rows.append(_head(frame))
        if frame.inlined:
            continue
        rows += _words(machine, cpu, frame, outer)
        if len(rows) >= ROWS_MAX:
            break
    return StackView(cpu.id, len(found.frames), tuple(rows[:ROWS_MAX]), found.ending)


def _head(frame: Frame) -> StackRow:
    place = frame.symbol or f"{frame.address:#x}"
    line = f" ({frame.line})" if frame.line else ""
    how = "" if frame.how == "registers" else f"  by {frame.how}"
    how = "  inlined" if frame.inlined else how
    guess = frame.how == "guess"
    return StackRow(
        frame.number, frame.address, None, "head", f"{place}{line}{how}", True, True, guess
    )


def _words(machine: Machine, cpu: Cpu, frame: Frame, outer: Frame | None) -> Iterator[StackRow]:
    """The words between a frame's stack pointer and its caller's."""
    names = {one.address: f"{one.name} of the caller" for one in frame.saved}
    end = frame.rsp + LAST_WORDS * _WORD if frame.cfa is None else frame.cfa
    back = None if outer is None else outer.slot
    if outer is not None and outer.entry == "interrupt" and back is not None:
        names |= {back + _WORD * at: name for at, name in enumerate(_INTERRUPT)}
        end = back + _WORD * len(_INTERRUPT)
    many = (end - frame.rsp) // _WORD
    for number in range(max(many, 0)):
        if many > WORDS_MAX and WORDS_MAX // 2 <= number < many - WORDS_MAX // 2:
            if number == WORDS_MAX // 2:
                words = f"{many - WORDS_MAX:,} words more"
                yield StackRow(frame.number, frame.rsp + number * _WORD, None, "more", words)
            continue
        row = _word(machine, cpu, frame, frame.rsp + number * _WORD & U64, names, back)
        yield row
        if row.value is None:
            return


def _word(
    machine: Machine, cpu: Cpu, frame: Frame, address: int, names: dict[int, str],
    back: int | None,
) -> StackRow:  # fmt: skip
    data = machine.board.virtual.read(cpu.registers, address, _WORD)
    if data is None:
        return StackRow(frame.number, address, None, "word", "not mapped")
    value = int.from_bytes(data, "little")
    found = pointed(machine, cpu, value)
    what: Literal["return", "saved", "word"] = "saved" if address in names else "word"
    name = names.get(address, "")
    if address == back:
        what, name = "return", name or "returns to"
    code = found.code or address == back
    words = "  ".join(filter(None, (name, found.words)))
    return StackRow(frame.number, address, value, what, words, code, code or bool(found.words))
