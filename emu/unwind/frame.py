"""What a backtrace is, as values: frames from the innermost on, and why there are no more."""

from typing import Final, Literal, Protocol

from msgspec import Struct

from emu.hw.cpu import Cpu

FRAMES_MAX: Final = 200
"""A longer chain is a recursion that ran away, or no chain at all."""

FoundBy = Literal["registers", "CFI", "code", "frame pointer", "guess"]
"""What a frame was found by. `code`: by what the instructions of the function before do to the
stack, from its entry on. `guess`: something on the stack looks like a return address."""
EnteredBy = Literal["call", "interrupt", "inlined"]
"""`inlined`: the function before is no call, its code stands in this one."""


class SavedRegister(Struct, frozen=True):
    """Where a function keeps a register of its caller."""

    name: str
    address: int


class Frame(Struct, frozen=True):
    """One function that has not returned yet."""

    number: int
    address: int
    """Linear, of the next instruction; in all but the first it is where a callee returns to."""
    code: int
    """The address whose symbol and line are meant: of a caller's, one byte before, since the
    call may be the last thing in a function. In a copied page the original's, in the image."""
    symbol: str
    """`poll+0x6`; empty where nobody has named it."""
    line: str
    """`main.c:214`; empty where the image has no line."""
    how: FoundBy
    entry: EnteredBy
    """FoundBy the function before was entered from this one."""
    rsp: int
    """The stack pointer in this frame, when the function before has returned."""
    slot: int | None
    """Where `address` lies on the stack; None for a register's."""
    cfa: int | None = None
    """Canonical frame address: the stack pointer before this function was called. None where
    no caller's frame was found."""
    saved: tuple[SavedRegister, ...] = ()
    """What this function has saved of its caller's."""
    registers: dict[str, int] = {}
    """Those that are known in this frame, by name."""
    source: tuple[str, int] | None = None
    """File and number of `line`, as compiled."""
    inlined: bool = False
    """Whether it is a function inlined in that of the next frame."""


class Backtrace(Struct, frozen=True):
    """The frames of one CPU."""

    cpu: int
    frames: tuple[Frame, ...]
    ending: str
    """Why there are no more, in words."""

    @property
    def guesses(self) -> int:
        """FoundBy many frames are guesses."""
        return sum(frame.how == "guess" and not frame.inlined for frame in self.frames)


class FindsFrames(Protocol):
    """What finds the frames of a CPU; it is loaded when somebody asks for them."""

    def frames(self, cpu: Cpu, most: int = FRAMES_MAX) -> Backtrace:
        """At most so many frames of a CPU's stack, at this moment."""

    def told(self, cpu: Cpu) -> Backtrace:
        """The same with a frame for each function that is inlined in another."""


def line_words(source: tuple[str, int] | None) -> str:
    """`main.c:22`, or nothing."""
    return "" if source is None else f"{source[0].rpartition('/')[2]}:{source[1]}"


def words(frame: Frame) -> str:
    """`#1  0x8001234  main+0x10 (main.c:22)  code  cfa 0x8817fd8`; a guess has a `?`, and what
    is inlined in the next frame says so."""
    place = frame.symbol or "no symbol"
    line = f" ({frame.line})" if frame.line else ""
    how = "interrupted here" if frame.entry == "interrupt" else ""
    found = "inlined" if frame.inlined else frame.how
    how = f"{how}, {found}" if how else found
    mark = "?" if frame.how == "guess" else " "
    cfa = "" if frame.cfa is None else f"  cfa {frame.cfa:#x}"
    return f"#{frame.number:<3}{mark}{frame.address:#x}  {place}{line}  {how}{cfa}"
