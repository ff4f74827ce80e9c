"""The frames of a CPU, from the innermost on.

By call frame information where the image has it, else by what the function's own code does to
the stack, else along frame pointers, else by a guess. It reads, and changes nothing; whatever a
guest has made of its stack, it ends.
"""

from typing import Final

from emu.boot.dwarf_frames import FrameTables, frame_tables
from emu.boot.image import Placed
from emu.hw.address import canonical
from emu.hw.context import GENERAL
from emu.hw.cpu import Cpu
from emu.machine.board import Board
from emu.unwind.by_code import by_code, by_handler, state_at
from emu.unwind.by_stack import by_guess, by_pointer
from emu.unwind.cfi import by_cfi
from emu.unwind.expression import KnownRegisters
from emu.unwind.eyes import Eyes
from emu.unwind.frame import FRAMES_MAX, Backtrace, Frame, line_words
from emu.unwind.functions import Functions
from emu.unwind.inlined import with_inlined
from emu.unwind.step import CallerFrame, NoCaller, Standing

GUESSES_MAX: Final = 16
"""In a row: whoever guesses on from guesses soon tells stories."""


class Unwinder:
    """Finds the callers of one machine's CPUs. What it keeps is no state: graphs of code."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._functions = Functions(board)
        self._tables: dict[str, FrameTables | None] = {}
        self._entries = {one.image.entry + one.bias for one in board.layout.placed}
        if board.layout.os_entry is not None:
            self._entries.add(board.layout.os_entry)

    def frames(self, cpu: Cpu, most: int = FRAMES_MAX) -> Backtrace:
        """At most so many frames of a CPU's stack, at this moment."""
        if cpu.context is None:
            return Backtrace(cpu.id, (), "it has not started")
        return _Outwards(self, Eyes(self._board, cpu.context), cpu.id, most).backtrace()

    def told(self, cpu: Cpu) -> Backtrace:
        """The same with a frame for each function that is inlined in another."""
        return with_inlined(self.frames(cpu), self._board.layout)

    def caller(self, standing: Standing, eyes: Eyes) -> CallerFrame | NoCaller:
        """Who called the function that stands somewhere."""
        if eyes.context.coding != "long":
            return NoCaller("only frames of 64-bit code are known, and it is in other code")
        image = eyes.placed(standing.code)
        found = self._by_tables(image, standing, eyes) or self._by_code(standing, eyes)
        if found is not None:
            return found
        extent = self._functions.extent(eyes, standing.code)
        if extent is not None and eyes.origin(extent[0]) in self._entries:
            return NoCaller("the outermost frame: the image is entered here")
        pointer = by_pointer(standing, eyes)
        if pointer is not None:
            return pointer
        guess = by_guess(standing, None if extent is None else extent[0], eyes)
        if guess is not None:
            return guess
        if eyes.word(standing.rsp) is None:
            return NoCaller(f"the stack at {standing.rsp:#x} cannot be read")
        return NoCaller("the outermost frame: nothing on the stack is a return address")

    def _by_tables(
        self, image: Placed | None, standing: Standing, eyes: Eyes
    ) -> CallerFrame | NoCaller | None:
        if image is None:
            return None
        if image.name not in self._tables:
            self._tables[image.name] = frame_tables(image.image)
        tables = self._tables[image.name]
        row = None if tables is None else tables.row(eyes.origin(standing.code) - image.bias)
        return None if row is None else by_cfi(*row, standing, eyes.word)

    def _by_code(self, standing: Standing, eyes: Eyes) -> CallerFrame | NoCaller | None:
        state = state_at(self._functions.handlers(eyes), standing)
        interrupted = None if state is None else by_handler(state, standing, eyes)
        if interrupted is not None:
            return interrupted
        extent = self._functions.extent(eyes, standing.code)
        if extent is None:
            return None
        first, end = extent
        second = self._from(first, end, standing, eyes)
        if isinstance(second, NoCaller) or _called(second, first, eyes):
            return second
        for earlier in self._functions.earlier(eyes, first):
            found = self._from(earlier, end, standing, eyes)
            if _called(found, earlier, eyes):
                return found
        return second

    def _from(
        self, first: int, end: int, standing: Standing, eyes: Eyes
    ) -> CallerFrame | NoCaller | None:
        """The caller, if the function begins at an address."""
        state = state_at(self._functions.graph(eyes, first, end), standing)
        return None if state is None else by_code(state, standing, eyes)

    def named(self, eyes: Eyes, standing: Standing) -> tuple[int, str, tuple[str, int] | None]:
        """(address in the image, symbol, line) of where a frame is."""
        layout = self._board.layout
        origin = eyes.origin(standing.code)
        symbol = layout.symbols.nearest(origin)
        behind = origin - standing.code + standing.address
        name = ""
        if symbol is not None:
            offset = behind - symbol[1]
            name = f"{symbol[0]}+{offset:#x}" if offset else symbol[0]
        return origin, name, layout.lines.line_of(origin)


def _called(found: CallerFrame | NoCaller | None, first: int, eyes: Eyes) -> bool:
    """Whether the call that a caller has made leads to where the function begins, as far as
    that can be seen."""
    if not isinstance(found, CallerFrame):
        return False
    call = eyes.call_before(found.standing.address)
    return call is not None and call.target in (None, first)


class _Outwards:
    """One way from the innermost frame outwards."""

    def __init__(self, unwinder: Unwinder, eyes: Eyes, cpu: int, most: int) -> None:
        self._unwinder, self._eyes, self._cpu, self._most = unwinder, eyes, cpu, most
        self._frames: list[Frame] = []
        self._seen: set[tuple[int, int]] = set()
        self._guesses = 0

    def backtrace(self) -> Backtrace:
        """All the frames."""
        context = self._eyes.context
        values: KnownRegisters = {name: context.get(name) for name in GENERAL}
        standing = Standing(context.linear_rip, True, values)
        came: CallerFrame | None = None
        while True:
            found = self._unwinder.caller(standing, self._eyes)
            self._add(standing, came, found)
            ending = found.why if isinstance(found, NoCaller) else self._ending(standing, found)
            if isinstance(found, NoCaller) or ending:
                return Backtrace(self._cpu, tuple(self._frames), ending)
            came, standing = found, found.standing

    def _ending(self, standing: Standing, caller: CallerFrame) -> str:
        """Why a caller that was found is believed no more, or nothing."""
        key = caller.standing.address, caller.standing.rsp
        self._guesses = self._guesses + 1 if caller.how == "guess" else 0
        if key in self._seen or caller.standing == standing:
            return "the frames go round in a loop"
        self._seen.add(key)
        if caller.entry == "call" and caller.cfa < standing.rsp:
            return f"the stack goes the wrong way: the caller's would be at {caller.cfa:#x}"
        if not canonical(caller.standing.address) or not canonical(caller.standing.rsp):
            return "the caller's address or stack pointer is none that a CPU can have"
        if self._guesses > GUESSES_MAX:
            return f"{GUESSES_MAX} guesses in a row"
        if len(self._frames) >= self._most:
            return f"there are more: these are the first {self._most}"
        return ""

    def _add(
        self, standing: Standing, came: CallerFrame | None, found: CallerFrame | NoCaller
    ) -> None:
        """A frame, which is whole when it is known who called it."""
        code, symbol, line = self._unwinder.named(self._eyes, standing)
        caller = found if isinstance(found, CallerFrame) else None
        self._frames.append(
            Frame(
                len(self._frames), standing.address, code, symbol, line_words(line),
                "registers" if came is None else came.how,
                "call" if came is None else came.entry,
                standing.rsp, None if came is None else came.slot,
                None if caller is None else caller.cfa, () if caller is None else caller.saved,
                standing.values, line,
            )
        )  # fmt: skip
