"""Where an engine stops: breakpoints that cost nothing where no block of code has one.

A code hook would be asked about before every instruction of the guest, whatever its range: the
emulator walks the list of them all. So there is none. The emulator tells of each block of code
that it translates; one with a breakpoint in it is translated again with a *block hook* at its
first instruction, and other blocks know nothing of it. When such a block is entered, the run's
budget is cut so that it ends before the breakpoint, or where that is not known exactly before
it: a run that ends too early is simply gone on with.
"""

import ctypes
from collections.abc import Container, Iterable
from typing import Any, Final, Literal, Protocol

from msgspec import Struct, field
from unicorn import unicorn_const as uc_const

from emu.hw import engine_native as native

_NEAR: Final = 6
"""Addresses are looked up by the 64 bytes that they lie in."""
_LONGEST: Final = 15
"""Bytes of an instruction (SDM 2, 2.3.11): so there is at least one in so many."""


_PREFIXES: Final = frozenset((*b"\x26\x2e\x36\x3e\x64\x65\x66\x67\xf2\xf3", *range(0x40, 0x50)))
"""Legacy prefixes, and REX (SDM 2, 2.1.1 and 2.2.1)."""
_INDIRECT: Final = {2, 4}
"""CALL and JMP among those of opcode 0xFF (SDM 2, table A-6)."""
_REPEATS: Final = frozenset(b"\xf2\xf3")
_STRINGS: Final = frozenset(b"\x6c\x6d\x6e\x6f\xa4\xa5\xa6\xa7\xaa\xab\xac\xad\xae\xaf")
"""INS, OUTS, MOVS, CMPS, STOS, LODS and SCAS (SDM 2, table A-2)."""

Shadowed = Literal["jump", "repeat"]
"""Instructions behind STI or a load of SS of which the emulator makes too little: from a near
RET, and a near CALL or JMP to where an operand says, it goes on without a look whether
interrupts are let in by then; and of a repeated one it has all rounds hold them back."""


def shadowed(code: bytes) -> Shadowed | None:
    """Which of these an instruction may be."""
    size = next((at for at, byte in enumerate(code) if byte not in _PREFIXES), 0)
    prefixes, code = code[:size], code[size:]
    if code[:1] in (b"\xc2", b"\xc3"):
        return "jump"
    if len(code) > 1 and code[0] == 0xFF and code[1] >> 3 & 7 in _INDIRECT:
        return "jump"
    repeats = code and code[0] in _STRINGS and not _REPEATS.isdisjoint(prefixes)
    return "repeat" if repeats else None


class Counting(Protocol):
    """What it needs of an engine."""

    handle: Any

    @property
    def begun(self) -> int:
        """Instructions begun since the run began."""

    def cut(self, count: int) -> None:
        """End the run after so many more, if that is earlier."""

    def hook(self, kind: int, callback: Any, first: int, last: int) -> Any:
        """Have something called between two addresses."""


class Block(Struct):
    """Translated code with a breakpoint in it."""

    hook: Any
    end: int
    """Behind the last byte of the longest block that begins here."""
    blocks: int = 1
    """How many were translated here: there may be other code, other tables, another mode."""
    loads: dict[int, int] = field(default_factory=dict)
    """Its last instruction, if that loads descriptors -> instructions before it."""
    shadow: Shadowed | None = None
    """It is one instruction behind STI or a load of SS."""
    alike: bool = True
    """All of them ended at the same place, with the same load as far from the beginning: code
    is translated again and again where a guest stores to its page."""
    distance: dict[int, int] = field(default_factory=dict)
    """Breakpoint -> instructions before it, as counted; of use while there is one block."""


class BlockBreakpoints:
    """The linear addresses at which one engine stops, on every CPU."""

    def __init__(self, engine: Counting) -> None:
        self._engine = engine
        self._near: dict[int, set[int]] = {}
        """Number of 64 bytes -> the addresses in them."""
        self._translated: set[int] = set()
        """Such numbers of which there is translated code."""
        self.blocks: dict[int, Block] = {}
        """Those that call when they are entered, by their first address."""
        self._entered = native.CODE_HOOK(self._on_block)
        self._rebuilt: int | None = None
        self.loads: set[int] = set()
        """Where instructions stand that load descriptors: a run is cut before each, too, but
        nobody else is told."""
        self._pass = 0, 0, 0
        """The block that was entered, its breakpoint, and what had been begun before."""
        self.unhooked: list[tuple[int, int]] = []
        """Blocks that were translated without the hook that they need: first, bytes."""
        self.addresses: set[int] = set()
        self.quiet: Container[int] | None = None
        """While set: only those that it has stop."""
        self.skip: int | None = None
        """One that does not stop the first instruction."""
        self.shadow_end = -1
        """In this run, so many instructions, the last of them one of `Shadowed`, have been
        begun when nothing is held back any more."""
        self.window = False
        """The run is to end where interrupts are let in."""
        self.off = False
        """Nothing stops for now."""
        self.outdated = False
        """Code must be flushed: some of it lacks a hook."""
        self.left = False
        """There may be hooks that nobody needs any more."""

    # -- which ------------------------------------------------------------------------------

    def replace(self, addresses: Iterable[int]) -> None:
        """These and no others."""
        wanted = set(addresses)
        for address in self.addresses - wanted:
            self._near[address >> _NEAR].discard(address)
            self.left = True
        self.addresses &= wanted
        self.add(wanted - self.addresses)

    def add(self, addresses: Iterable[int]) -> None:
        """These, too."""
        for address in addresses:
            number = address >> _NEAR
            self._near.setdefault(number, set()).add(address)
            self.addresses.add(address)
            self.outdated |= number in self._translated

    def _within(self, first: int, end: int) -> list[int]:
        """Those of a range, ascending."""
        near, found = self._near, []
        for number in range(first >> _NEAR, (end - 1 >> _NEAR) + 1):
            there = near.get(number)
            if there:
                found += [address for address in there if first <= address < end]
        return sorted(found)

    def stops(self, address: int, begun: int) -> bool:
        """Whether a run stops before an address, after so many instructions."""
        wanted = address in self.addresses and (begun > 0 or address != self.skip)
        return wanted and (self.quiet is None or address in self.quiet)

    # -- translated code --------------------------------------------------------------------

    def forget(self) -> None:
        """Translated code is gone; what is translated again has its hook at once."""
        self._translated.clear()
        self.loads.clear()
        self.unhooked.clear()
        self.outdated = False
        for block in self.blocks.values():
            block.blocks = 0  # its hook stays: it is translated with it at once
            block.alike, block.shadow = True, None
            block.distance.clear()
            block.loads.clear()

    def translated(
        self,
        first: int,
        size: int,
        load: tuple[int, int] | None = None,
        shadow: Shadowed | None = None,
    ) -> bool:
        """A block was translated, and is about to be entered. `load`: its last instruction
        loads descriptors, and so many lie before it; `shadow`: see `Block`. Whether it lacks
        its hook."""
        end = first + size
        if load is not None:
            self.loads.add(load[0])
        self._translated.update(range(first >> _NEAR, (end - 1 >> _NEAR) + 1))
        block = self.blocks.get(first)
        if block is not None:
            loads = {} if load is None else {load[0]: load[1]}
            block.alike &= not block.blocks or (block.end, block.loads) == (end, loads)
            block.end = max(block.end, end) if block.blocks else end
            block.blocks += self._rebuilt != first
            self._rebuilt = None
        elif load is not None or shadow or self._within(first, end):
            kind = uc_const.UC_HOOK_BLOCK
            hook = self._engine.hook(kind, self._entered, first, first)
            self.blocks[first] = block = Block(hook, end)
            self.unhooked.append((first, size))
            if not self.off:
                self._engine.cut(0)
        if block is not None:
            block.shadow = block.shadow or shadow
        if block is not None and load is not None:
            block.loads[load[0]] = load[1]
        return bool(self.unhooked)

    def rebuild(self) -> None:
        """Behind a run: have blocks translated again that lack their hook. Their page is the
        one that was fetched from last, so this makes the emulator walk no tables."""
        for first, size in self.unhooked:
            bounds = ctypes.c_uint64(first), ctypes.c_uint64(first + size)
            native.control(self._engine.handle, native.REMOVE_CODE, *bounds)
            self._rebuilt = first
        self.unhooked.clear()

    def unused(self) -> list[Any]:
        """Hooks of blocks that have no breakpoint any more, forgotten here."""
        self.left = False
        gone = [
            first
            for first, block in self.blocks.items()
            if not (block.loads or block.shadow or self._within(first, block.end))
        ]
        return [self.blocks.pop(first).hook for first in gone]

    # -- running ----------------------------------------------------------------------------

    def begin(self, skip: int | None) -> None:
        """A run begins."""
        self.skip, self._pass, self.shadow_end = skip, (0, 0, 0), -1

    def _on_block(self, _uc: int, address: int, _size: int, _data: int) -> None:
        """A block is entered: see to it that the run ends before its first breakpoint."""
        block, begun = self.blocks.get(address), self._engine.begun
        if block is None or self.off:
            return
        wanted = block.shadow == "repeat" or (block.shadow is not None and self.window)
        if wanted and begun != self.shadow_end:  # else the next round, on its way to a stop
            self.shadow_end = begun + 1
            self._engine.cut(1)
        for place in self._within(address, block.end):
            if self.stops(place, begun + place - address):
                break
        else:
            if not block.loads:
                return
            place = min(block.loads)
        first, end, _ = self._pass
        if not first < address < end:
            self._pass = address, place, begun
        known = block.distance.get(place) if block.blocks == 1 else None
        if known is None and block.alike:
            known = block.loads.get(place)
        least = -(-(place - address) // _LONGEST)
        self._engine.cut(least if known is None else known)

    def arrived(self, address: int, begun: int) -> bool:
        """A cut run has ended before an address: whether it is to stop there."""
        if not self.stops(address, begun):
            return False
        first, place, before = self._pass
        if place == address:
            self.blocks[first].distance[address] = begun - before
        return True
