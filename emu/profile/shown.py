"""What the host of a guest can see: each CPU's way through its code, the places that it
touches, its exits with what they show, and what it stores where the host can read."""

from array import array
from collections.abc import Iterator
from functools import partial
from typing import Final, Literal, NamedTuple

from msgspec import Struct, field

from emu.hw.address import PAGE_BYTES, Gpa
from emu.hw.context import ENCODED, GENERAL, Context
from emu.hw.cpu import Cpu
from emu.machine.board import Board, Doing
from emu.machine.every_access import OnceEach
from emu.vmm.asked import Asked, Tdcall

SightKind = Literal["code", "load", "store", "exit", "shows", "value"]
_KINDS: Final[tuple[SightKind, ...]] = ("code", "load", "store", "exit", "shows", "value")
MOST: Final = 4_000_000
"""Sights that are kept of one course, 100 MB."""
_VECTORS_FIRST: Final = len(GENERAL)
REGISTERS: Final = (
    *(name.upper() for name in GENERAL),
    *(f"the {half} half of XMM{number}" for number in range(16) for half in ("low", "high")),
)
"""What an exit may show, 64 bits each."""
_WORD: Final = (1 << 64) - 1


class Sight(NamedTuple):
    """One thing that can be seen."""

    kind: SightKind
    place: int
    """Of code the linear address, of an access the host address, of an exit a hash of what was
    asked, of a register its number in REGISTERS."""
    value: int
    """Of an access its size, of a register and of what was stored what it held."""
    tick: int
    at: int
    """Linear address of the instruction."""


class CpuSights(Struct):
    """One CPU's, in order."""

    kinds: "array[int]" = field(default_factory=lambda: array("B"))
    places: "array[int]" = field(default_factory=lambda: array("Q"))
    values: "array[int]" = field(default_factory=lambda: array("Q"))
    ticks: "array[int]" = field(default_factory=lambda: array("Q"))
    at: "array[int]" = field(default_factory=lambda: array("Q"))

    def __len__(self) -> int:
        return len(self.kinds)

    def __getitem__(self, index: int) -> Sight:
        return Sight(
            _KINDS[self.kinds[index]], self.places[index], self.values[index],
            self.ticks[index], self.at[index],
        )  # fmt: skip


class ShownSights(Struct):
    """A probe that notes all of it."""

    cpus: dict[int, CpuSights] = field(default_factory=dict)
    asked: dict[int, Asked] = field(default_factory=dict)
    """What a hash stands for."""
    full: bool = False
    count: int = 0
    _at: int = 0
    _before: tuple[int, ...] = ()
    """The registers of the CPU that has left the guest."""
    _exits: int = 0
    _once: OnceEach = field(default_factory=OnceEach)

    def attach(self, board: Board) -> None:
        """Begin to look."""
        self._exits = len(board.logs.exits)
        board.engine.watches.code(1, 0, partial(self._begun, board))
        board.engine.watches.memory(0, board.memory.size, True, partial(self._touched, board))

    def _begun(self, board: Board, executed: int, address: int) -> None:
        self._at = address
        self._note(board, "code", address, 0, executed)

    def _touched(
        self, board: Board, executed: int, hpa: int, size: int, stored: int | None
    ) -> None:
        kind: SightKind = "load" if stored is None else "store"
        self._note(board, kind, hpa, size, executed)
        if stored is not None and _host_reads(board, hpa):
            mask = (1 << 8 * size) - 1
            self._note(board, "value", hpa, stored & mask & _WORD, executed)

    def _note(
        self, board: Board, kind: SightKind, place: int, value: int, executed: int
    ) -> None:
        cpu = board.at_work
        if board.on_trial or cpu is None or self.full:
            return
        if executed and not self._once.first(board.tick + executed, kind, place, value):
            return
        self.count += 1
        self.full = self.count >= MOST
        course = self.cpus.setdefault(cpu, CpuSights())
        course.kinds.append(_KINDS.index(kind))
        course.places.append(place)
        course.values.append(value)
        course.ticks.append(board.tick + executed)
        course.at.append(self._at)

    def compare(self, board: Board, doing: Doing) -> None:
        """A CPU has left the guest (`walk`), and behind that its exit has been answered."""
        if board.at_work is None:
            return
        cpu = board.cpus[board.at_work]
        if doing == "walk":
            self._before = _held(cpu.registers)
        elif doing == "host":
            logged = len(board.logs.exits)
            if logged > self._exits:
                self._left(board, cpu)
            self._exits = logged

    def _left(self, board: Board, cpu: Cpu) -> None:
        """What the newest exit shows."""
        asked = next(iter(board.logs.exits.newest(cpu.id, 8)), None)
        if asked is None:
            return
        sign = hash(_visible(board, asked)) & _WORD
        self.asked[sign] = asked
        self._note(board, "exit", sign, 0, 0)
        for number in _registers(board, asked):
            self._note(board, "shows", number, self._before[number], 0)


def _host_reads(board: Board, hpa: int) -> bool:
    """Whether a page is one of an isolated guest that its host can read."""
    if board.platform.isolation == "none":
        return False
    for bank in board.ram.banks:
        if board.ram.two_views and bank.shared_hpa <= hpa < bank.shared_hpa + bank.size:
            return True
        if not board.ram.two_views and bank.hpa <= hpa < bank.hpa + bank.size:
            page = Gpa(bank.gpa + (hpa - bank.hpa) // PAGE_BYTES * PAGE_BYTES)
            return board.ram.state(page) == "shared"
    return False


def _visible(board: Board, asked: Asked) -> object:
    """What an exit tells by itself: of a TD only that it is one, and which call."""
    if not board.is_td:
        return asked
    if isinstance(asked, Tdcall):
        return "tdcall", asked.leaf, 0 if asked.leaf else asked.subfunction
    return type(asked).__name__


def _held(registers: Context) -> tuple[int, ...]:
    """All of REGISTERS, without those of vectors that RCX does not name."""
    general = tuple(map(registers.get, GENERAL))
    if not registers.get("rcx") >> 16 & 0xFFFF:
        return general
    vectors = map(registers.vector, range(16))
    return (*general, *(half for one in vectors for half in (one & _WORD, one >> 64)))


def _registers(board: Board, asked: Asked) -> Iterator[int]:
    """Those that an exit of a TD shows, by their numbers in REGISTERS: where the host is asked,
    RCX itself, and what its bits 15 to 0 (general) and 31 to 16 (XMM) let it see (GHCI 1.5,
    3.1; intel/tdx-module, tdg_vp_vmcall.c)."""
    if not board.is_td or not isinstance(asked, Tdcall) or asked.leaf:
        return
    mask = asked.operand("rcx") | 1 << ENCODED.index("rcx")
    for bit, name in enumerate(ENCODED):
        if mask >> bit & 1:
            yield GENERAL.index(name)
    for number in range(16):
        if mask >> 16 + number & 1:
            yield from (_VECTORS_FIRST + 2 * number, _VECTORS_FIRST + 2 * number + 1)
