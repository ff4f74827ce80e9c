"""Bytes that one CPU sees and the others do not: stores that wait in its store buffer, and
translations that its TLB still holds.

CPUs run in slices, one at a time. So such bytes are put into memory when their CPU's slice
begins, and taken out again before another's: within its own slices the CPU sees what it stored
(store forwarding), and everybody else sees it only once it has been drained. Stores leave in
the order in which they were made, as on x86 (total store order; SDM 3, 9.2.3.4).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from emu.boot import disasm
from emu.hw.address import Gpa, Hpa
from emu.hw.cpu import Cpu
from emu.machine.board import Board
from emu.machine.code import INSTRUCTION_BYTES
from emu.machine.stores import Stores

SERIALISING: Final = frozenset(
    ("mfence", "sfence", "cpuid", "iretq", "iret", "iretd", "in", "out", "hlt", "wrmsr",
     "invlpg", "wbinvd", "invd", "vmmcall", "vmcall", "tdcall", "rsm", "lgdt", "lidt")
)  # fmt: skip
"""Instructions before which a store buffer is drained (SDM 3, 9.2.2 and 9.3), beside those
with LOCK and moves to control registers."""


class Hidden(Struct, frozen=True):
    """Bytes of one page that only one CPU sees: its own store, or a table entry of old."""

    kind: Literal["store", "translation"]
    cpu: int
    gpa: Gpa
    hpa: Hpa
    others: bytes
    """What everybody else sees."""
    own: bytes
    at: int = 0
    """Linear address of the instruction that stored."""


SavedPrivate = tuple[tuple[Hidden, ...], int | None]


class PrivateBytes:
    """Who sees what, and who is seeing now."""

    def __init__(self, board: Board, stores: Stores) -> None:
        self._board, self._stores = board, stores
        self.hidden: tuple[Hidden, ...] = ()
        """In the order in which the bytes were stored."""
        self.seeing: int | None = None
        """The CPU whose own bytes are in memory."""

    def save(self) -> SavedPrivate:
        """Everything, for `load`; memory itself is the undo log's."""
        return self.hidden, self.seeing

    def load(self, saved: SavedPrivate) -> None:
        """Be again what `save` saw."""
        self.hidden, self.seeing = saved

    def look(self, cpu: int | None) -> None:
        """From now on memory is as a CPU sees it; None: as nobody in particular does."""
        if not self.hidden or self.seeing == cpu:
            self.seeing = cpu
            return
        self._take_out()
        self._put_in(cpu)
        self.seeing = cpu
        self._board.tables_changed()

    def _take_out(self) -> None:
        """The bytes of the CPU that was seeing leave memory, the newest first: a CPU may have
        two stores to one place on the way, and what the older one covered is everybody's."""
        memory, kept = self._board.memory, []
        for one in reversed(self.hidden):
            if one.cpu == self.seeing:
                now = memory.read(one.hpa, len(one.own))
                if now != one.own and one.kind == "translation":
                    continue  # the CPU itself wrote another entry: that is everybody's
                memory.write(one.hpa, one.others)
                one = replace(one, own=now)  # what it stored over it since waits with it
            kept.append(one)
        self.hidden = tuple(reversed(kept))

    def _put_in(self, cpu: int | None) -> None:
        """A CPU's own bytes come into memory, over what the others have stored there since."""
        memory, kept = self._board.memory, []
        for one in self.hidden:
            # What it covers is read anew each time: another CPU may have stored there while
            # this one did not run, and that must be there when these bytes are taken out.
            if one.cpu == cpu:
                one = replace(one, others=memory.read(one.hpa, len(one.own)))
                memory.write(one.hpa, one.own)
            kept.append(one)
        self.hidden = tuple(kept)

    def hide(self, one: Hidden) -> None:
        """A CPU sees bytes of its own from now on."""
        self.hidden = (*self.hidden, one)
        if self.seeing == one.cpu:
            self._board.memory.write(one.hpa, one.own)
            self._board.tables_changed()

    def stored(self, cpu: Cpu, gpa: Gpa, hpa: Hpa, before: bytes, at: int) -> bool:
        """The instruction at `at` has stored into a page, bytes from `hpa` on were `before`:
        the store waits. False if it left every byte as it was."""
        after = self._board.memory.read(hpa, len(before))
        changed = [
            i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new
        ]
        if not changed:
            return False
        first, end = changed[0], changed[-1] + 1
        self.seeing = cpu.id
        self.hidden = (
            *self.hidden,
            Hidden(
                "store",
                cpu.id,
                Gpa(gpa + first),
                Hpa(hpa + first),
                before[first:end],
                after[first:end],
                at,
            ),
        )
        return True

    def stores_of(self, cpu: int) -> list[Hidden]:
        """A CPU's stores that nobody else sees yet, oldest first."""
        return [one for one in self.hidden if one.cpu == cpu and one.kind == "store"]

    def drain(self, cpu: int, count: int | None = None) -> None:
        """The oldest stores of a CPU (None: all) become visible, in their order."""
        # While its bytes are in memory, only taking them out tells what they are now.
        with self._in_public():
            own = self.stores_of(cpu)[:count]
            self.hidden = tuple(one for one in self.hidden if one not in own)
            for one in own:
                self._stores.put(self._board.cpus[cpu], one.gpa, one.hpa, one.own, one.at)

    def flush(self, cpu: int) -> None:
        """A CPU's TLB is flushed: it walks the tables as they are."""
        with self._in_public():
            self.hidden = tuple(
                one for one in self.hidden if one.cpu != cpu or one.kind == "store"
            )

    @contextmanager
    def _in_public(self) -> Iterator[None]:
        """Meanwhile memory is as everybody sees it."""
        seeing = self.seeing
        self.look(None)
        yield
        self.look(seeing)

    def careful(self, cpu: Cpu) -> bool:
        """Whether a CPU runs one instruction at a time, because one may end what it alone
        sees; called before each."""
        if not self.hidden or not any(one.cpu == cpu.id for one in self.hidden):
            return False
        code = self._board.code_bytes(cpu)
        one = disasm.decode(code, cpu.registers.rip, cpu.registers.coding)
        if one is None:
            return True
        name = one.mnemonic
        control = name == "mov" and one.operands.startswith("cr")
        if control or name == "invlpg":
            self.flush(cpu.id)
        if control or _is_locked(one) or name in SERIALISING:
            self.drain(cpu.id)
        return True

    def goes_past(self, cpu: Cpu, at: int) -> bool:
        """Whether the instruction at `at` stores past the buffer: it is a locked one."""
        code = self._board.virtual.most(cpu.registers, at, INSTRUCTION_BYTES)
        one = disasm.decode(code, at, cpu.registers.coding)
        return one is not None and _is_locked(one)


def _is_locked(one: disasm.Instruction) -> bool:
    """XCHG with memory always is (SDM 3, 9.1.2.2)."""
    return "lock" in one.mnemonic or (one.mnemonic == "xchg" and bool(one.memory))
