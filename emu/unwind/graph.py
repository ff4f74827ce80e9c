"""Where a function's frame is at each of its instructions: its code is followed from its entry
on, by what each instruction does to the stack.

It is what a debugger does with code that has neither call frame information nor a frame
pointer. Calls are taken to come back, so what lies behind one that never does may be reached
with a stack that is not there: a way by a jump is believed first.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct, field

from emu.boot.disasm import Instruction
from emu.unwind.reading import FrameState, after

INSTRUCTIONS_MAX: Final = 6_000
"""Of one function; a larger one is no boot code."""
VISITS_MAX: Final = 32
"""FoundBy often one instruction is looked at anew, as more ways to it become known."""


class FrameGraph(Struct):
    """The instructions of some code, and the state before each."""

    codes: dict[int, Instruction] = field(default_factory=dict)
    states: dict[int, FrameState] = field(default_factory=dict)
    behind: dict[int, int] = field(default_factory=dict)
    """Address behind a CALL -> the CALL."""
    _doubted: set[int] = field(default_factory=set)
    """Those that only the way behind a CALL leads to."""
    _visits: dict[int, int] = field(default_factory=dict)

    def arrive(self, at: int, state: FrameState, doubted: bool) -> bool:
        """A way leads to an instruction; whether that tells anything new."""
        known = self.states.get(at)
        if known is None:
            self.states[at] = state
            if doubted:
                self._doubted.add(at)
            return True
        if doubted and at not in self._doubted and known.rsp != state.rsp:
            return False
        if not doubted and at in self._doubted:
            self._doubted.discard(at)
            met = state if known.rsp != state.rsp else known.meet(state)
        else:
            met = known.meet(state)
        self.states[at] = met
        self._visits[at] = self._visits.get(at, 0) + 1
        return met != known and self._visits[at] < VISITS_MAX


def frame_graph(
    decode: Callable[[int], Instruction | None],
    entries: Iterable[tuple[int, FrameState]],
    inside: Callable[[int], bool],
) -> FrameGraph:
    """Follow code from its entries, each with the state there, as far as it is `inside`."""
    found = FrameGraph()
    sure, doubted = deque[int](), deque[int]()
    for at, state in entries:
        if inside(at) and found.arrive(at, state, False):
            sure.append(at)
    while (sure or doubted) and len(found.codes) < INSTRUCTIONS_MAX:
        at = sure.popleft() if sure else doubted.popleft()
        code = found.codes.get(at) or decode(at)
        if code is None:
            continue
        found.codes[at] = code
        behind = at + code.size
        if code.kind == "call":
            found.behind[behind] = at
        state = after(found.states[at], code)
        for target in _ways(code):
            weak = code.kind == "call"
            if inside(target) and found.arrive(target, state, weak):
                (doubted if weak else sure).append(target)
    return found


def _ways(code: Instruction) -> list[int]:
    """Where code goes on in the same frame."""
    behind = code.address + code.size
    if code.kind == "ret" or code.mnemonic == "ud2":
        return []
    if code.kind == "jump":
        return [] if code.target is None else [code.target]
    if code.kind == "branch" and code.target is not None:
        return [code.target, behind]
    return [behind]
