"""Pages whose every write is seen: the mailbox, and what waiting CPUs look at.

A tracked page is read-only in the shadow nested table. A write to it exits; the page is
opened for that one instruction, and what changed is told. The guest cannot tell.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal

from emu.hw.address import PAGE_BYTES, Gpa, Hpa, page_of
from emu.hw.cpu import Cpu
from emu.hw.engine import Exit, ExitKind
from emu.hw.vmcb import EXIT_NPF
from emu.machine.event import MailboxWrite
from emu.mailbox.layout import COMMAND, FIELDS, HEAD_BYTES, describe, read_head

if TYPE_CHECKING:
    from emu.machine.machine import Machine

Why = Literal["mailbox", "wait", "guard"]
"""`guard`: waiting CPUs run on it (see `emu.machine.guards`)."""
Writers = dict[int, tuple[int | None, int]]
SavedPages = tuple[dict[Gpa, frozenset[Why]], Writers]
_NOTHING: Final[frozenset[Why]] = frozenset()
_GUARD: Final[frozenset[Why]] = frozenset(("guard",))
_WRITE: Final = 2
"""W bit of a nested page fault's error code."""
WRITABLE: Final = 3
"""P and W bits of a leaf."""
GRANULE: Final = 8
"""Last writers are remembered per aligned word of this many bytes."""


class TrackedPages:
    """Which pages are tracked and why, and who changed their words last."""

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine
        self._why: dict[Gpa, frozenset[Why]] = {}
        self.writers: Writers = {}
        """HPA of a word -> (CPU or None for the host, tick) of its last change."""
        self.lent: frozenset[Gpa] = frozenset()
        """Pages that are open for now though they are guarded."""

    def save(self) -> SavedPages:
        """What is tracked and who wrote, for `load`; protection itself is the NPT's."""
        self.close()
        return dict(self._why), dict(self.writers)

    def load(self, saved: SavedPages) -> None:
        """Be again what `save` saw."""
        why, writers = saved
        self._why = dict(why)
        self.writers = dict(writers)
        self.lent = frozenset()

    def lend(self, page: Gpa) -> bool:
        """Open a page that is only guarded, until `close`; False if more keeps it closed."""
        if self._why.get(page) != _GUARD:
            return False
        self._machine.npt.unprotect(page)
        self.lent |= {page}
        return True

    def lend_only(self, pages: frozenset[Gpa]) -> None:
        """From now on these are lent and no others; the engine's TLB must be flushed then."""
        if not pages and not self.lent:
            return
        wanted = frozenset(page for page in pages if self._why.get(page) == _GUARD)
        for page in self.lent - wanted:
            if page in self._why:
                self._machine.npt.protect(page)
        for page in wanted - self.lent:
            self._machine.npt.unprotect(page)
        self.lent = wanted

    def forget(self, page: Gpa) -> None:
        """A page is not guarded any more. It is opened at once, which asks for no flush."""
        self._drop(page, "guard")

    def _drop(self, page: Gpa, why: Why) -> bool:
        """Whether that was the last reason; then the page is open."""
        reasons = self._why[page] - {why}
        if reasons:
            self._why[page] = reasons
            return False
        del self._why[page]
        self._machine.npt.unprotect(page)
        return True

    def close(self) -> None:
        """Take back what was lent; the engine's TLB must be flushed then."""
        self.lend_only(frozenset())

    @contextmanager
    def opened(self, cpu: Cpu, pages: Iterable[Gpa | None]) -> Iterator[None]:
        """For a while a CPU executes what will be taken back: writes to these pages are not
        seen. The engine's TLB must be flushed then."""
        lent, npt = self.lent, self._machine.npt
        self._machine.guards.begin(cpu)
        closed = [page for page in pages if page in self._why]
        for page in closed:
            npt.unprotect(page)
        self._machine.engine.flush_tlb()
        try:
            yield
        finally:
            for page in closed:
                npt.protect(page)
            self.lend_only(lent)

    def add(self, gpa: Gpa, why: Why) -> None:
        """See writes to the page that holds a GPA."""
        page = Gpa(page_of(gpa))
        reasons = self._why.get(page, _NOTHING)
        if not reasons:
            self._machine.npt.protect(page)
            self._machine.tables_changed()
        self._why[page] = reasons | {why}

    def remove(self, gpa: Gpa, why: Why) -> None:
        """One reason less to see writes to a page."""
        page = Gpa(page_of(gpa))
        if self._drop(page, why):
            self._machine.tables_changed()

    def write(self, cpu: Cpu, exit_: Exit) -> Exit | None:
        """None if the exit was no write to a tracked page. Else the instruction has run: what
        that came to, BUDGET if it came to its end."""
        machine = self._machine
        opened: dict[Gpa, tuple[Hpa, bytes]] = {}
        at = machine.linear_rip(cpu)
        while (page := self._page_of_write(exit_)) is not None and page not in opened:
            hpa = machine.npt.hpa_of(page)
            assert hpa is not None, "a tracked page is mapped"
            opened[page] = (hpa, machine.memory.read(hpa, PAGE_BYTES))
            machine.npt.unprotect(page)
            machine.engine.flush_tlb()
            exit_ = machine.execute_one(cpu)
        if not opened:
            return None
        changed = False
        for page, (hpa, before) in opened.items():
            machine.npt.protect(page)
            if machine.memory.read(hpa, PAGE_BYTES) == before:
                continue
            changed = True
            if not machine.injected.stored(cpu, page, hpa, before, at):
                self.changed(cpu, page, hpa, before, at)
        machine.engine.flush_tlb()
        if exit_.kind is not ExitKind.BUDGET:
            return machine.exit_(cpu, exit_)
        if not changed:
            machine.waits.stored_nothing(cpu)
        return exit_

    def _page_of_write(self, exit_: Exit) -> Gpa | None:
        nested = exit_.kind is ExitKind.INTERCEPT and exit_.code == EXIT_NPF
        if not nested or not exit_.error & _WRITE:
            return None
        page = Gpa(page_of(exit_.info))
        machine = self._machine
        ours = page in self._why and page not in machine.broken_pages
        # A page that the table itself does not let the guest write is no business of ours.
        return page if ours and machine.npt.leaf(page) & WRITABLE == WRITABLE else None

    def changed(self, cpu: Cpu | None, gpa: Gpa, hpa: Hpa, before: bytes, at: int = 0) -> None:
        """Bytes from `hpa` on may have changed from `before`, by the instruction at the linear
        address `at`: tell whoever cares."""
        words = _changed_words(before, self._machine.memory.read(hpa, len(before)))
        if not words:
            return
        who = None if cpu is None else cpu.id
        for offset in words:
            place = hpa + offset & ~(GRANULE - 1)
            self.writers[place] = (who, self._machine.tick)
        page = Gpa(page_of(gpa))
        told: list[tuple[str, int]] = []
        if self._machine.mailbox_gpa == page:
            whole, first = Hpa(hpa & ~(PAGE_BYTES - 1)), hpa % PAGE_BYTES
            now = self._machine.memory.read(whole, PAGE_BYTES)
            old = now[:first] + before + now[first + len(before) :]
            told = self._mailbox(cpu, old, now, at)
            self._machine.witness.stored(cpu, at, whole, old)
        if "guard" in self._why.get(page, _NOTHING):
            self._machine.guards.changed(cpu, page, at)
        self._machine.waits.notify(cpu, hpa, len(before))
        for field, value in told:
            self._machine.injected.at_mailbox(cpu, field, value)

    def _mailbox(
        self, cpu: Cpu | None, before: bytes, after: bytes, at: int
    ) -> list[tuple[str, int]]:
        """One event for every field of the page that has another value now: these."""
        machine = self._machine
        place = "host" if cpu is None else machine.layout.symbols.name(at) or f"{at:#x}"
        told: list[tuple[str, int]] = []
        for field in FIELDS:
            start, end = field.offset, field.offset + field.size
            if before[start:end] == after[start:end]:
                continue
            old = int.from_bytes(before[start:end], "little")
            new = int.from_bytes(after[start:end], "little")
            detail = MailboxWrite(field.name, old, new, place)
            text = describe(field.name, old, new, machine.layout.symbols.name)
            machine.event(cpu, "mailbox", text, detail)
            told.append((field.name, new))
            if field is COMMAND:
                who = None if cpu is None else cpu.id
                apic_id = read_head(after[:HEAD_BYTES]).apic_id
                machine.protocol.command(
                    who, new, apic_id, machine.tick, machine.nanoseconds(cpu)
                )
        return told


def _changed_words(before: bytes, after: bytes) -> list[int]:
    """Offsets of the words that differ."""
    if before == after:
        return []
    coarse = 64
    return [
        offset
        for block in range(0, len(before), coarse)
        if before[block : block + coarse] != after[block : block + coarse]
        for offset in range(block, min(block + coarse, len(before)), GRANULE)
        if before[offset : offset + GRANULE] != after[offset : offset + GRANULE]
    ]
