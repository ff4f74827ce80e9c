"""What lets a loop go, by its own code: which of the bytes that it reads it compares, and with
what."""

from collections.abc import Callable
from typing import Final

from msgspec import Struct, field

from emu.boot.disasm import Instruction, family, immediate
from emu.given.number import parsed
from emu.hw.address import Hpa
from emu.hw.cpu import Cpu
from emu.machine.lap import Loop

_BRANCHES: Final = {
    "je": "==", "jne": "!=", "jb": "<", "jae": ">=", "ja": ">", "jbe": "<=", "jl": "<",
    "jge": ">=", "jg": ">", "jle": "<=",
}  # fmt: skip
_NOT: Final = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
Codes = list[Instruction | None]
"""The instructions of a loop in the order of a lap."""
Reads = tuple[tuple[Hpa, int, int], ...]
"""(HPA, bytes, GVA), as in `Loop.reads`."""
_SHIFTS: Final = ("0x", *"12345")
"""How a constant of a shift begins."""
_SMALL: Final = 10
"""Below it a number is the same in decimal and hex."""


class LoopTold(Struct):
    """What the code of a loop tells, by the GVAs of what it reads."""

    conditions: dict[int, str] = field(default_factory=dict)
    """What lets it go, such as `== 1`. What the code does not tell is left out."""
    pointers: set[int] = field(default_factory=set)
    """What only says where to look."""
    by_values: bool = False
    """Whether what stands in memory decides where it looks, or with what it compares."""

    def deciding(self, loop: Loop) -> Reads:
        """What may let it go: without pointers on the way to something else."""
        return tuple(
            (hpa, count, gva)
            for hpa, count, gva in loop.reads
            if gva not in self.pointers or self.compared(gva, count)
        )

    def compared(self, gva: int, count: int) -> list[int]:
        """Where within a read the code compares: a load may be of several fields."""
        return sorted(at for at in self.conditions if gva <= at < gva + count)


class _Lap:
    """One lap read instruction by instruction, with what its loads have put into registers."""

    def __init__(self, cpu: Cpu, loop: Loop) -> None:
        self.cpu = cpu
        self._values = {gva: loop.values[at] for at, (_, _, gva) in enumerate(loop.reads)}
        self.held: dict[str, int] = {}
        """Register -> GVA of what was loaded into it last, and shifted down to its end."""
        self.by_values = False

    def get(self, register: str) -> int:
        """A register as it is at this place of the lap."""
        gva = self.held.get(family(register) or register)
        if gva is None:
            return self.cpu.registers.get(register)
        self.by_values = True
        start = max(one for one in self._values if one <= gva)
        return int.from_bytes(self._values[start][gva - start :], "little")

    def looked(self, code: Instruction) -> list[int]:
        """The GVAs of the loop's reads that an instruction accesses."""
        places = (one.address(self.get, code) for one in code.memory)
        return [gva for gva in places if gva in self._values]

    def ways(self, code: Instruction) -> set[int]:
        """The reads that say where an instruction looks."""
        names = {name for one in code.memory for name in (one.base, one.index) if name}
        return {self.held[family(name)] for name in names if family(name) in self.held}

    def follow(self, code: Instruction, looked: list[int]) -> None:
        """Which registers hold what was read where, after one more instruction. A load of
        several fields is followed to those that are taken from it, by a shift."""
        target, _, source = code.operands.partition(", ")
        name, moved = family(target), self.held.get(family(source))
        if code.mnemonic.startswith("mov") and looked:
            self.held[name] = looked[0]
        elif code.mnemonic.startswith("mov") and moved is not None:
            self.held[name] = moved
        elif code.mnemonic == "shr" and name in self.held and source.startswith(_SHIFTS):
            self.held[name] += immediate(source) // 8
        else:
            for one in code.writes:
                self.held.pop(one, None)


def read_loop(cpu: Cpu, loop: Loop, codes: Codes) -> LoopTold:
    """The comparisons of a loop's code whose branch keeps the CPU inside; nothing where some of
    the code cannot be read."""
    lap, told = _Lap(cpu, loop), LoopTold()
    compared: tuple[int, str] | None = None
    for index, code in enumerate(codes):
        if code is None:
            return LoopTold()
        looked = lap.looked(code)
        if looked:
            told.pointers |= lap.ways(code)
        if code.mnemonic in ("cmp", "test"):
            compared = _compared(lap.get, code, looked, lap.held)
        elif code.kind == "branch" and compared is not None:
            after = loop.path[(index + 1) % len(loop.path)]
            _add(told, *compared, _BRANCHES.get(code.mnemonic), stays=after == code.target)
        elif code.kind != "branch":
            lap.follow(code, looked)
    told.by_values = lap.by_values
    return told


def _add(told: LoopTold, gva: int, value: str, sign: str | None, *, stays: bool) -> None:
    """A branch behind a comparison; `stays`: the lap takes it."""
    if sign is None:
        return
    words = f"{_NOT[sign] if stays else sign} {value}"
    before = told.conditions.get(gva)
    told.conditions[gva] = words if before is None else f"{before} or {words}"


def _compared(
    get: Callable[[str], int], code: Instruction, looked: list[int], held: dict[str, int]
) -> tuple[int, str] | None:
    """(GVA, value) of a comparison of something that was read; None if it is of none."""
    sides = [side.strip() for side in code.operands.split(",")]
    if len(sides) != 2:
        return None
    names = [family(side) for side in sides]
    gva = looked[0] if looked else held.get(names[0], held.get(names[1]))
    if gva is None:
        return None
    if code.mnemonic == "test" and sides[0] == sides[1]:
        return gva, "0"
    other = next(
        (side for side, name in zip(sides, names, strict=True)
         if "[" not in side and held.get(name) != gva), "",
    )  # fmt: skip
    size = code.memory[0].size if looked else 8
    value = parsed(other)
    if value is None:
        if not family(other):
            return None
        value = get(family(other)) & (1 << 8 * size) - 1
    return gva, str(value) if value < _SMALL else f"{value:#x}"
