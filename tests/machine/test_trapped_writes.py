"""Every store to a tracked page is told once, with what stood there; nothing else changes."""

from typing import Final

import pytest
from msgspec import Struct

from emu.hw.address import PAGE_BYTES, Gpa
from emu.machine.machine import Machine
from emu.machine.tracked import PageStore
from emu.machine.trapped_writes import TrappedWrites
from emu.timeline.digest import Digest
from emu.timeline.driver import Driver
from tests.guest import BASE, DATA, MEMORY_BYTES, STACKS, Guest, finish, word

TRACKED: Final = (Gpa(DATA), Gpa(DATA + PAGE_BYTES), Gpa(STACKS))
CODES: Final[dict[str, tuple[str, int]]] = {
    "plain": ("mov dword ptr [rbx + 16], 7", 1),
    "the same again": ("mov dword ptr [rbx + 16], 7\n mov dword ptr [rbx + 16], 7", 1),
    "nothing new": ("mov dword ptr [rbx], 0", 0),
    "over a border": ("mov qword ptr [rbx + 0xffc], -1", 2),
    "over a border by 16": ("pcmpeqd xmm0, xmm0\n movups [rbx + 0xff8], xmm0", 2),
    "out over the end": ("mov qword ptr [rbx + 0x1ffc], -1", 1),
    "locked": ("mov eax, 3\n lock xadd [rbx], eax\n lock inc dword ptr [rbx]", 2),
    "CMPXCHG that fails": ("mov eax, 9\n lock cmpxchg [rbx], ecx", 0),
    "exchange": ("mov eax, 9\n xchg [rbx], eax\n xchg [rbx], eax", 2),
    "REP STOSQ": ("mov rdi, rbx\n mov ecx, 5\n mov al, 1\n rep stosq", 5),
    "REP MOVSB over a border":
        ("lea rdi, [rbx + 0xffe]\n mov rsi, rbx\n mov byte ptr [rbx], 1\n"
         "mov byte ptr [rbx + 1], 2\n mov ecx, 2\n rep movsb", 4),
    "backwards": ("std\n lea rdi, [rbx + 0x1000]\n mov ecx, 2\n mov al, 1\n rep stosq", 2),
    "PUSH of what is tracked": ("mov dword ptr [rbx], 5\n push qword ptr [rbx]", 2),
    "CALL": ("call 1f\n 1:", 1),
    "a bit string": ("mov eax, 0x8000\n bts [rbx], eax", 1),
}  # fmt: skip
"""What is executed, and how many stores change a tracked page, page by page."""


class Told(Struct):
    """A listener that plays every store again on a copy of the tracked pages."""

    machine: Machine
    pages: dict[Gpa, bytes]
    count: int = 0
    who: set[int | None] = set()

    def stored(self, store: PageStore) -> None:
        """What stood there before is what the stores so far have left."""
        hpa = self.machine.board.ram.hpa(store.page)
        assert hpa is not None
        first, end = store.hpa - hpa, store.hpa - hpa + len(store.before)
        assert self.pages[store.page][first:end] == store.before
        self.pages[store.page] = self.machine.board.memory.read(hpa, PAGE_BYTES)
        self.count += 1
        self.who |= {None if store.cpu is None else store.cpu.id}


def guest(code: str) -> Driver:
    """Its stack ends at the end of a tracked page."""
    source = f"start: mov ebx, {{DATA}}\n{code}\ncld\nhlt\nhandler3: iretq"
    return Guest(source).driver()


def watched(driver: Driver) -> Told:
    """From now on the pages are tracked."""
    machine = driver.machine
    assert isinstance(machine.trapped, TrappedWrites)
    told = Told(machine, {}, who=set())
    for page in TRACKED:
        hpa = machine.board.ram.hpa(page)
        assert hpa is not None
        told.pages[page] = machine.board.memory.read(hpa, PAGE_BYTES)
        machine.tracked.add(page, "wait")
    machine.tracked.listeners = (*machine.tracked.listeners, told)
    return told


@pytest.mark.parametrize(("code", "count"), CODES.values(), ids=CODES)
def test_every_store_is_told_once_with_what_stood_there(code: str, count: int) -> None:
    driver = guest(code)
    told = watched(driver)
    board = finish(driver)
    assert (told.count, told.who) == (count, {0} if count else set())
    for page, seen in told.pages.items():
        hpa = board.ram.hpa(page)
        assert hpa is not None and board.memory.read(hpa, PAGE_BYTES) == seen
    assert not any(board.npt.writable(page) for page in TRACKED)


@pytest.mark.parametrize(("code", "count"), CODES.values(), ids=CODES)
def test_the_guest_cannot_tell(code: str, count: int) -> None:
    ends = []
    for tracking in (True, False):
        driver = guest(code)
        if tracking:
            watched(driver)
        digest = Digest(driver.machine)
        board = finish(driver)
        ends.append((digest.now(), board.tick, board.cpus[0].clock_ps, list(board.exit_counts)))
    assert ends[0] == ends[1]


def test_a_store_of_the_host_is_told_and_so_is_an_exception_frame() -> None:
    driver = guest("int3")
    told = watched(driver)
    board = finish(driver)
    assert told.count and told.who == {0}
    assert word(board, STACKS + PAGE_BYTES - 40) != 0  # RIP of the frame
    before = told.count
    driver.machine.stores.host_write(DATA + 8, b"\x01")
    driver.machine.stores.host_write(DATA + 8, b"\x01")
    assert (told.count, told.who) == (before + 1, {0, None})


def test_no_store_elsewhere_is_told() -> None:
    driver = guest("mov dword ptr [rbx + 0x2000], 7")
    told = watched(driver)
    board = finish(driver)
    assert told.count == 0 and word(board, DATA + 0x2000, 4) == 7
    assert DATA + 0x2000 < BASE + MEMORY_BYTES
