"""A tiny guest whose code is bytes and whose rights are set page by page, in both tables."""

from itertools import pairwise
from typing import Final

from emu.debug.setup import Options
from emu.hw.address import Gpa, Hpa
from emu.hw.nested_walk import FRAME, NO_EXECUTE, PRESENT, USER, WRITE
from emu.machine import apply
from emu.machine.pause import Pause
from emu.machine.quirks import SHARED_BIT
from emu.machine.ram import SHARED_ALIAS
from tests import guest

FIRST: Final = Gpa(guest.DATA)
"""GPA of the first page; the others follow."""
PAGES: Final = 9
TABLES: Final = range(4)
"""The guest's own tables, root first."""
CODE: Final = range(4, 6)
DATA: Final = range(6, 9)
_BASE: Final = 0x40_0000_0000
_RIGHTS: Final = PRESENT | WRITE | USER
_ENDLESS: Final = 1 << 62


def gpa(page: int, offset: int = 0) -> Gpa:
    """The guest-physical address of a byte, by page number."""
    return Gpa(FIRST + 0x1000 * page + offset)


def gva(page: int, offset: int = 0) -> int:
    """Where the guest's tables have it."""
    return _BASE + 0x1000 * page + offset


class Bare:
    """The machine, and its CPU about to execute at the first code page."""

    def __init__(self, platform: str = "none") -> None:
        self.machine = guest.Guest("nop", 1, platform, options=Options(rules=False)).machine()
        self.cpu = self.machine.board.cpus[0]
        self.shared: set[int] = set()
        """A TD's pages that the host sees too."""
        self.tracked: set[int] = set()
        """Pages whose every write is seen."""
        self.tables()
        self.cpu.registers.put("cr3", gpa(0))
        self.cpu.registers.put("rsp", gva(DATA[1]))

    def hpa(self, page: int, offset: int = 0) -> Hpa:
        """Where a byte lies in the host."""
        found = self.machine.board.ram.hpa(gpa(page, offset))
        assert found is not None
        return found

    def tables(self) -> None:
        """The guest's own tables, every right given, no A or D bit set."""
        for table, below in pairwise(TABLES):
            index = _BASE >> 39 - 9 * table & 511
            self.machine.board.memory.put_u64(self.hpa(table, 8 * index), gpa(below) | _RIGHTS)
        for page in range(PAGES):
            entry = gpa(page) | _RIGHTS | (1 << SHARED_BIT if page in self.shared else 0)
            self.machine.board.memory.put_u64(self.hpa(TABLES[-1], 8 * page), entry)

    def entry(self, page: int) -> int:
        """The guest's leaf entry of a page."""
        return self.machine.board.memory.u64(self.hpa(TABLES[-1], 8 * page))

    def put(self, page: int, offset: int, data: bytes) -> None:
        """Store bytes."""
        self.machine.board.memory.write(self.hpa(page, offset), data)
        self.machine.board.engine.flush_code()

    def read(self, page: int, offset: int, count: int) -> bytes:
        """What memory holds."""
        return self.machine.board.memory.read(self.hpa(page, offset), count)

    def word(self, page: int, offset: int = 0) -> int:
        """Eight bytes of memory as a number."""
        return int.from_bytes(self.read(page, offset, 8), "little")

    def nested(self, page: int, rights: str) -> None:
        """Give a page of the model these of `r`, `w` and `x`."""
        bits = USER | PRESENT * ("r" in rights) | WRITE * ("w" in rights)
        bits |= 0 if "x" in rights else NO_EXECUTE
        where = Gpa(gpa(page) | (SHARED_ALIAS if page in self.shared else 0))
        self.machine.board.npt.set_leaf(
            where, self.machine.board.npt.leaf(where) & FRAME | bits
        )
        self.machine.board.tables_changed()

    def share(self, page: int) -> None:
        """A TD's page becomes one that the host sees too, with the bytes that it had."""
        data = self.read(page, 0, 0x1000)
        apply.set_page_state(self.machine.board, gpa(page), 1, "shared", zero=False)
        self.put(page, 0, data)
        self.shared.add(page)
        self.tables()

    def code(self, code: bytes, page: int = CODE[0], offset: int = 0) -> None:
        """Put instructions, and the CPU before the first."""
        here = code[: 0x1000 - offset]
        self.put(page, offset, here)
        if len(here) < len(code):
            self.put(page + 1, 0, code[len(here) :])
        self.cpu.registers.put("rip", gva(page, offset))
        self.machine.waits.forget(self.cpu)  # the same place, but no loop that came round

    def step(self, count: int = 1) -> str:
        """Execute so many instructions by hand; what was refused, or nothing."""
        for _ in range(count):
            self.machine.steps(self.cpu)
        return self.machine.board.crash

    def run(self, count: int) -> str:
        """The same, not by hand."""
        tick = self.machine.board.tick + count
        pause = Pause.SLICE
        while pause is Pause.SLICE and self.cpu.activity == "running":
            self.machine.switch_to(self.cpu)
            pause = self.machine.run(self.cpu, _ENDLESS, tick)
        return self.machine.board.crash
