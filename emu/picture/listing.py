"""Source and disassembly together, around where a CPU is."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from emu.boot import disasm
from emu.boot.disasm import Instruction, MemoryOperand, decode
from emu.boot.layout import BootLayout
from emu.hw.address import PAGE_BYTES, Hpa
from emu.hw.context import Context
from emu.hw.cpu import Cpu
from emu.machine.code import INSTRUCTION_BYTES
from emu.machine.copies import Copy
from emu.machine.machine import Machine
from emu.picture.code_mode import CodeMode, mode_at, mode_behind
from emu.picture.view import CodeLine, LineKind
from emu.unwind.frame import line_words

BEFORE: Final = 24
AFTER: Final = 72
"""Instructions around RIP: more than the tallest terminal shows."""
FUNCTION_BYTES: Final = 4096
"""How far back a function's start is believed to be one."""
_AHEAD: Final = 2 * AFTER
"""Instructions that are decoded behind RIP: so many steps find the strip long enough."""
STRIPS_MAX: Final = 256


class _Strip(Struct):
    """Instructions one after the other, with their lines as long as nothing is special."""

    data: bytes
    codes: list[Instruction]
    places: dict[int, int]
    """Address -> index of the instruction."""
    rows: list[CodeLine]
    """Of each instruction its label, its line of source where it is another one than before,
    and itself."""
    at: list[int]
    """Index in `rows` of each instruction itself."""
    heads: list[tuple[CodeLine, ...]]
    """Label and line of source of an instruction that is the first one shown."""
    modes: list[CodeMode]
    """How each instruction is decoded."""
    fixed: list[int]
    """Those whose operand lies at an address that no register changes."""
    ended: bool
    """Nothing that is an instruction lies behind."""

    def plain(self, index: int) -> CodeLine:
        """The line of an instruction with nothing special."""
        return self.rows[self.at[index]]

    @property
    def end(self) -> int:
        """The address behind the last instruction; 0 where there is none."""
        return self.codes[-1].address + self.codes[-1].size if self.codes else 0


class Listing:
    """Draws lines of code; decoded code and its lines are kept by address and bytes."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._strips: dict[tuple[int, CodeMode], _Strip] = {}
        self._modes: dict[tuple[int, str], CodeMode] = {}
        """Of where strips begin, through CPUs of each kind."""
        self._version = 0

    def lines(self, cpu: Cpu, here: int, stops: frozenset[int]) -> tuple[CodeLine, ...]:
        """Lines around a linear address. `stops`: addresses with breakpoints. Empty where the
        address is not mapped."""
        strip, at = self._around(cpu, here)
        first, end = max(at - BEFORE, 0), min(at + AFTER, len(strip.codes))
        if first == end:
            return ()
        start = strip.at[first]
        rows = strip.rows[start : strip.at[end - 1] + 1]
        for index, line in self._special(cpu, strip, range(first, end), stops).items():
            rows[strip.at[index] - start] = line
        return (*strip.heads[first], *rows)

    def _around(self, cpu: Cpu, here: int) -> tuple[_Strip, int]:
        """The instructions of this function and on from there, and the place of `here`; from
        `here` alone, if it is no instruction that begins where the symbol's stream says."""
        start = here
        copy = self._machine.board.copies.around(cpu.registers, here)
        origin = here if copy is None else copy.origin(here)
        nearest = self._machine.board.layout.symbols.nearest(origin)
        if nearest is not None and origin - nearest[1] < FUNCTION_BYTES:
            start = here - (origin - nearest[1])
            start = start if copy is None else max(start, copy.first)
        strip = self._strip(cpu, start, here, self._mode(cpu, start))
        if start != here and strip.end == here:
            return strip, len(strip.codes)
        if here in strip.places and self._is_right(cpu, strip, here):
            return strip, strip.places[here]
        return self._strip(cpu, here, here, self._mode(cpu, here)), 0

    def _mode(self, cpu: Cpu, address: int) -> CodeMode:
        """The mode of a strip's first instruction: found once for each, until more is known of
        how code is executed."""
        modes, coding = self._machine.board.code_modes, cpu.registers.coding
        if self._version != modes.version:
            self._version = modes.version
            self._strips.clear()
            self._modes.clear()
        if self._machine.board.linear_rip(cpu) == address:
            return CodeMode(coding)
        key = address, coding
        if key not in self._modes:
            self._modes[key] = mode_at(self._machine, cpu, address)
        return self._modes[key]

    def _is_right(self, cpu: Cpu, strip: _Strip, here: int) -> bool:
        """Whether the CPU in focus, if it stands here, executes what the strip shows."""
        if self._machine.board.linear_rip(cpu) != here:
            return True
        return strip.modes[strip.places[here]].coding == cpu.registers.coding

    def _strip(self, cpu: Cpu, start: int, here: int, mode: CodeMode) -> _Strip:
        """The strip that begins at an address: a known one, if its bytes are those of now."""
        context = cpu.registers
        key = start, mode
        known = self._strips.get(key)
        if known is not None:
            left = len(known.codes) - known.places.get(here, len(known.codes))
            now = self._machine.board.virtual.most(context, start, len(known.data))
            if now == known.data and (left >= AFTER or known.ended):
                return known
        if len(self._strips) >= STRIPS_MAX:
            self._strips.clear()
        found = self._strips[key] = self._decode(context, start, here, mode)
        return found

    def _decode(self, context: Context, start: int, here: int, mode: CodeMode) -> _Strip:
        data = self._machine.board.virtual.most(
            context, start, here - start + _AHEAD * INSTRUCTION_BYTES
        )
        at, behind = start, 0
        codes: list[Instruction] = []
        modes: list[CodeMode] = []
        ended = False
        while behind < _AHEAD:
            place = at - start
            code = decode(data[place : place + INSTRUCTION_BYTES], at, mode.coding)
            if code is None:
                ended = True
                break
            codes.append(code)
            modes.append(mode)
            behind += at >= here
            at += code.size
            mode = mode_behind(self._machine.board.code_modes, code, mode)
        copy = self._machine.board.copies.around(context, here)
        own = CodeMode(context.coding)
        data = data if ended else data[: at - start]
        return self._drawn(data, codes, modes, own, ended, copy)

    def _drawn(
        self,
        data: bytes,
        codes: list[Instruction],
        modes: list[CodeMode],
        own: CodeMode,
        ended: bool,
        copy: Copy | None,
    ) -> _Strip:
        """The lines of instructions; those of a copy have its original's labels and source."""
        layout = self._machine.board.layout
        heads, at = [], []
        rows: list[CodeLine] = []
        last, before = None, own
        functions = _Functions(layout)
        missing: set[str] = set()
        for code, mode in zip(codes, modes, strict=True):
            origin = code.address if copy is None else copy.origin(code.address)
            label = self._label(code.address, origin)
            source: tuple[CodeLine, ...] = ()
            line = layout.lines.line_of(origin)
            if line is not None:
                source = self._source(code.address, *line, missing)
            kind = (_kind(code.address, mode),)
            inner = functions.inner(code.address, origin)
            heads.append((*(kind if mode != own else ()), *label, *inner, *source))
            changed = kind if mode != before else ()
            inner = functions.changed(code.address, origin, inner, named=bool(label))
            rows += (*changed, *label, *inner, *(source if line != last or inner else ()))
            before = mode
            target = code.target
            if target is not None and copy is not None:
                target = copy.origin(target)
            note = "" if target is None else layout.symbols.name(target)
            text = f"{code.mnemonic} {code.operands}".rstrip()
            shown = code.bytes.hex(" ")
            at.append(len(rows))
            rows.append(CodeLine("asm", code.address, 0, shown, text, note, False, False, ()))
            last = line
        places = {code.address: index for index, code in enumerate(codes)}
        fixed = [
            index for index, code in enumerate(codes)
            if code.memory and code.memory[0].base == "rip" and not code.memory[0].index
        ]  # fmt: skip
        return _Strip(data, codes, places, rows, at, heads, modes, fixed, ended)

    def _label(self, address: int, origin: int) -> tuple[CodeLine, ...]:
        name = self._machine.board.layout.symbols.name(origin)
        if not name or "+" in name:
            return ()
        return (_row("label", address, f"{name}:"),)

    def _source(
        self, address: int, file: str, number: int, missing: set[str]
    ) -> tuple[CodeLine, ...]:
        """The line; of a file that is not here, or is another one, once why."""
        found = self._machine.board.layout.lines.source(file)
        said: tuple[CodeLine, ...] = ()
        if found.why and file not in missing:
            missing.add(file)
            said = (_row("no source", address, f"-- {file}:{number}: {found.why} --"),)
        if not 0 < number <= len(found.lines):
            return said
        text = found.lines[number - 1]
        return (*said, CodeLine("source", address, number, "", text, file, False, False, ()))

    # -- what differs from one picture to the next ------------------------------------------

    def _special(
        self, cpu: Cpu, strip: _Strip, shown: range, stops: frozenset[int]
    ) -> dict[int, CodeLine]:
        """The lines with a value, a breakpoint, or a CPU."""
        found: dict[int, CodeLine] = {}
        operands = _Operands(self._machine, cpu)
        for index in strip.fixed:
            if index in shown:
                note = operands.words(strip.codes[index])
                found[index] = replace(strip.plain(index), note=note)
        for address in stops:
            for index in _shown(strip, address, shown):
                found[index] = replace(found.get(index) or strip.plain(index), breakpoint=True)
        for other in self._machine.board.cpus:
            if other.context is None:
                continue
            for index in _shown(strip, self._machine.board.linear_rip(other), shown):
                line = found.get(index) or strip.plain(index)
                if other is cpu:
                    note = self._current(cpu, strip.codes[index], line.note, operands)
                    found[index] = replace(line, current=True, note=note)
                else:
                    found[index] = replace(line, cpus=(*line.cpus, other.id))
        return found

    def _current(self, cpu: Cpu, code: Instruction, note: str, operands: "_Operands") -> str:
        """What the instruction that is next will find and do."""
        if code.memory:
            note = operands.words(code) or note
        if code.kind == "branch":
            flags, rcx = cpu.registers.get("rflags"), cpu.registers.get("rcx")
            taken = disasm.taken(code.mnemonic, flags, rcx)
            word = {True: "taken to", False: "not taken to", None: ""}[taken]
            note = f"{word} {note or hex(code.target or 0)}".lstrip()
        return note


class _Functions:
    """Which function each instruction of a strip is of, if functions are inlined."""

    def __init__(self, layout: BootLayout) -> None:
        self._layout = layout
        self._last = ""

    def inner(self, address: int, origin: int) -> tuple[CodeLine, ...]:
        """The row above code that is of an inlined function, else nothing."""
        found = self._layout.lines.functions(origin)
        if not found or not found[0].inlined:
            return ()
        one, name = found[0], self._layout.symbols.told(found[0].name)
        place = f" at {line_words((one.file, one.line))}" if one.file else ""
        return (_row("inlined", address, f"-- {name}, inlined{place} --"),)

    def changed(
        self, address: int, origin: int, inner: tuple[CodeLine, ...], *, named: bool
    ) -> tuple[CodeLine, ...]:
        """The row where the function is another one than before; behind inlined ones the one
        that they are in, unless a label names it (`named`)."""
        text = inner[0].text if inner else ""
        if text == self._last:
            return ()
        self._last = text
        nearest = None if inner or named else self._layout.symbols.nearest(origin)
        return inner if nearest is None else (_row("inlined", address, f"-- {nearest[0]} --"),)


def _row(kind: LineKind, address: int, text: str) -> CodeLine:
    return CodeLine(kind, address, 0, "", text, "", False, False, ())


def _kind(address: int, mode: CodeMode) -> CodeLine:
    """The row above code of another kind."""
    return _row("mode", address, f"-- {mode.words} --")


def _shown(strip: _Strip, address: int, shown: range) -> Iterator[int]:
    """The place of an address, if it is shown."""
    index = strip.places.get(address)
    if index is not None and index in shown:
        yield index


def _base(context: Context, access: MemoryOperand) -> int:
    """The base of the segment that an operand lies in; in 64-bit mode only FS and GS have
    one (SDM 1, 3.4.2.1)."""
    stack = access.base in ("rsp", "rbp")
    name = access.segment or ("ss" if stack else "ds")
    if context.mode == "long" and name not in ("fs", "gs"):
        return 0
    return context.segment(name).base


class _Operands:
    """What memory operands hold now; each page is walked to once."""

    def __init__(self, machine: Machine, cpu: Cpu) -> None:
        self._machine, self._cpu = machine, cpu
        self._pages: dict[int, Hpa | None] = {}

    def words(self, code: Instruction) -> str:
        """The first memory operand and its value in words."""
        machine, context = self._machine, self._cpu.registers
        access = code.memory[0]
        gva = access.address(context.get, code) + _base(context, access)
        data = self._read(context, gva, access.size)
        name = machine.board.layout.symbols.name(gva) or f"{gva:#x}"
        if data is None:
            return f"[{name}] is not mapped"
        value = int.from_bytes(data, "little")
        points = machine.board.layout.symbols.name(value) if value > 0xFFF else ""
        return f"[{name}] = {value:#x} {points}".rstrip()

    def _read(self, context: Context, gva: int, size: int) -> bytes | None:
        page, offset = gva & -PAGE_BYTES, gva % PAGE_BYTES
        if offset + size > PAGE_BYTES:
            return self._machine.board.virtual.read(context, gva, size)
        if page not in self._pages:
            self._pages[page] = self._machine.board.virtual.hpa(context, page)
        found = self._pages[page]
        return (
            None
            if found is None
            else self._machine.board.memory.read(Hpa(found + offset), size)
        )
