"""Random straight-line code: flags are set, memory is touched, flags are used; nothing branches
but over nothing, so that every instruction is executed once, in order."""

import random
from typing import Final

from msgspec import Struct

from tests.guest import DATA, MAILBOX, WINDOW

REGISTERS: Final = ("rax", "rbx", "rcx", "rdx", "rbp", "r8", "r9", "r10", "r11", "r12", "r13")
"""Free for everything; RSI, RDI and RSP are addresses, R14 and R15 pointers of the moment."""
_PARTS: Final = {
    "rax": ("al", "ax", "eax"), "rbx": ("bl", "bx", "ebx"), "rcx": ("cl", "cx", "ecx"),
    "rdx": ("dl", "dx", "edx"), "rbp": ("bpl", "bp", "ebp"),
} | {f"r{n}": (f"r{n}b", f"r{n}w", f"r{n}d") for n in range(8, 14)}  # fmt: skip
_WIDTHS: Final = ("byte", "word", "dword", "qword")
_BYTES: Final = {"byte": 1, "word": 2, "dword": 4, "qword": 8}
_SETTERS: Final = ("add", "sub", "cmp", "and", "or", "xor", "test", "adc", "sbb")
_CONDITIONS: Final = (
    "o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g",
)  # fmt: skip
_PAGE: Final = 4096
FREE_PAGES: Final = 6
ARITHMETIC: Final = 0x8D5
CARRY_ZERO: Final = 0x41
"""After BT and its kin the other flags are undefined (SDM 2, BT)."""


class Straight(Struct, frozen=True):
    """One program: instruction N stands at the label `iN`; `defined[N]` are the flags that are
    defined before it."""

    source: str
    count: int
    defined: tuple[int, ...]


class Writer:
    """Draws instructions. `bases`: the pages that they touch; `whole`: those of them from which
    nothing may reach into the page behind."""

    def __init__(
        self, draw: random.Random, bases: tuple[int, ...], whole: frozenset[int]
    ) -> None:
        self.draw = draw
        self.bases = bases
        self.whole = whole
        self.lines: list[str] = []
        self.defined: list[int] = []
        self.flags = ARITHMETIC

    def put(self, text: str, flags: int | None = None) -> None:
        """One instruction; `flags` are those that are defined behind it."""
        self.defined.append(self.flags)
        self.lines.append(text)
        self.flags = self.flags if flags is None else flags

    def register(self, width: str) -> str:
        """A free register in a width."""
        name = self.draw.choice(REGISTERS)
        return name if width == "qword" else _PARTS[name][_WIDTHS.index(width)]

    def place(self, size: int, aligned: bool = False) -> str:
        """`[address]` of so many bytes: within a page, or over the border of two."""
        draw = self.draw
        base = draw.choice(self.bases)
        kind = draw.random()
        if aligned:
            at = 16 * draw.randrange(_PAGE // 16 - 1)
        elif kind < 0.3 and base not in self.whole:
            at = _PAGE - draw.randrange(1, max(size, 2))
        elif kind < 0.6:
            at = 8 * draw.randrange(_PAGE // 8 - 2)
        else:
            at = draw.randrange(_PAGE - 16)
        return f"[{base + at:#x}]"

    def setter(self) -> None:
        """An instruction on registers that leaves flags behind."""
        draw, width = self.draw, self.draw.choice(_WIDTHS)
        one, other = self.register(width), self.register(width)
        number = draw.choice((0, 1, 2, 0x7F, draw.randrange(-128, 128)))
        self.put(draw.choice((
            f"{draw.choice(_SETTERS)} {one}, {draw.choice((other, number))}",
            f"{draw.choice(_SETTERS)} {one}, {number}",
            f"inc {one}", f"dec {one}", f"neg {one}",
            f"xadd {one}, {other}", f"cmpxchg {one}, {other}",
            f"{draw.choice(('shl', 'shr', 'sar'))} {one}, 1",
        )), ARITHMETIC)  # fmt: skip
        if draw.random() < 0.2:
            self.put(draw.choice(("stc", "clc", "cmc")))

    def user(self) -> None:
        """An instruction whose result tells the flags."""
        draw = self.draw
        if self.flags != ARITHMETIC:
            self.put(f"set{draw.choice(('b', 'ae', 'e', 'ne'))} {self.register('byte')}")
            return
        condition = draw.choice(_CONDITIONS)
        wide = self.register("qword")
        self.put(draw.choice((
            f"set{condition} {self.register('byte')}", f"cmov{condition} {wide}, rsp",
            f"adc {wide}, 0", f"sbb {wide}, {wide}", f"rcl {wide}, 1", "lahf",
        )))  # fmt: skip

    def access(self) -> None:
        """An instruction that touches memory."""
        draw, width = self.draw, self.draw.choice(_WIDTHS)
        size, register = _BYTES[width], self.register(width)
        place = f"{width} ptr {self.place(size)}"
        lock = draw.choice(("", "", "lock "))
        kind = draw.randrange(12)
        if kind < 4:
            self.put(draw.choice((
                f"mov {place}, {register}", f"mov {register}, {place}",
                f"mov {place}, {draw.randrange(0, 100)}",
                f"set{draw.choice(_CONDITIONS) if self.flags == ARITHMETIC else 'b'} "
                f"byte ptr {self.place(1)}",
                f"movups xmmword ptr {self.place(16)}, xmm{draw.randrange(4)}",
                f"movups xmm{draw.randrange(4)}, xmmword ptr {self.place(16)}",
                f"movaps xmmword ptr {self.place(16, aligned=True)}, xmm{draw.randrange(4)}",
            )))  # fmt: skip
        elif kind < 7:
            self.put(draw.choice((
                f"{draw.choice(_SETTERS)} {place}, {register}",
                f"{draw.choice(('add', 'sub', 'cmp', 'adc', 'sbb'))} {register}, {place}",
                f"{lock}{draw.choice(('add', 'sub', 'xor', 'adc', 'sbb'))} {place}, {register}",
                f"{lock}{draw.choice(('inc', 'dec', 'neg'))} {place}",
                f"{lock}xadd {place}, {register}", f"{lock}cmpxchg {place}, {register}",
            )), ARITHMETIC)  # fmt: skip
        elif kind == 7:
            self.put(f"{lock}not {place}")
            self.put(f"xchg {place}, {register}")
        elif kind == 8:
            self.put(draw.choice(("push rbx", "pop r14", "push qword ptr [rsp]",
                                  f"push qword ptr {self.place(8)}",
                                  f"pop qword ptr {self.place(8)}")))  # fmt: skip
            if draw.random() < 0.3:
                self.put("pushf")
                self.put("popf")
        elif kind == 9:
            self._string()
        elif kind == 10:
            self.put(f"{draw.choice(('shl', 'shr', 'sar'))} {place}, 1", ARITHMETIC)
            self.put(f"{draw.choice(('rol', 'ror', 'rcl', 'rcr'))} {place}, 1")
        else:
            bit = draw.choice(("bt", "bts", "btr", "btc"))
            self.put(f"{bit} dword ptr {self.place(4)}, {draw.randrange(32)}", CARRY_ZERO)

    def start(self) -> None:
        """Registers and flags get values."""
        for name in REGISTERS:
            self.put(f"mov {name}, {self.draw.choice((0, 1, self.draw.getrandbits(64))):#x}")
        self.put("cmp rax, rbx", ARITHMETIC)

    def mix(self, length: int) -> None:
        """Instructions of all kinds, until there are so many."""
        while len(self.lines) < length:
            parts = (self.setter, self.access, self.user, self.exit)
            for part in self.draw.choices(parts, (5, 6, 4, 1), k=4):
                part()

    def _string(self) -> None:
        draw = self.draw
        for name in ("rsi", "rdi"):
            self.put(f"mov {name}, {self.place(8)[1:-1]}")
        self.put(f"mov ecx, {draw.randrange(0, 6)}")
        letter = draw.choice("bwdq")
        name = draw.choice(("movs", "stos", "lods", "scas", "cmps"))
        prefix = draw.choice(("", "rep ", "rep ")) if name in ("movs", "stos") else ""
        if name in ("scas", "cmps"):
            prefix = draw.choice(("", "repe ", "repne "))
            # With a count of 0 they change nothing, else all flags.
            self.put(prefix + name + letter, self.flags)
        else:
            self.put(prefix + name + letter)

    def exit(self) -> None:
        """An instruction that the host answers in the middle of a block."""
        self.put(self.draw.choice(("pause", "nop", "pause", "out 0x80, al")))


def straight(seed: int, length: int = 40, faults: bool = False) -> Straight:
    """A program from a seed. `faults`: some places are mapped by the guest's own handler."""
    pages = range(FREE_PAGES)
    bases = [DATA + _PAGE * page for page in pages] * 4 + [MAILBOX] * FREE_PAGES
    bases += [WINDOW + _PAGE * page for page in pages] * (2 * faults)
    writer = Writer(random.Random(seed), tuple(bases), frozenset((MAILBOX,)))
    writer.start()
    writer.mix(length)
    writer.put("nop")
    lines = (f"i{number}: {text}" for number, text in enumerate(writer.lines))
    source = "start:\n" + "\n".join(lines) + "\nhlt\n"
    if faults:
        source += HANDLER
    return Straight(source, len(writer.lines), tuple(writer.defined))


HANDLER: Final = f"""
handler14:
    push rax
    push rcx
    mov rax, cr2
    shr rax, 12
    mov ecx, eax
    and ecx, 511
    shl rax, 12
    sub rax, {WINDOW - DATA - 0x80000:#x}
    or rax, 3
    mov [rcx * 8 + {{PT2}}], rax
    pop rcx
    pop rax
    add rsp, 8
    iretq
"""
"""Maps the page of WINDOW that was missed, each to one of its own from DATA + 0x80000 on."""
