"""Notes what the rules of the protocol look at: facts, at the moment at which they can be seen.

It judges nothing, and what it does the guest cannot tell: no tick, no beat and no slice is
another one by it.
"""

from typing import Final, Literal, NamedTuple

from emu.boot.roles import NamedPoint, Role
from emu.hw.address import PAGE_BYTES, Gpa, Hpa, page_of
from emu.hw.cpu import Cpu
from emu.machine import acks, calls, entry_checks, handover, mailbox_caching
from emu.machine.arrivals import Passed
from emu.machine.board import Board
from emu.machine.calls import Asking
from emu.machine.guards import Guards
from emu.machine.handover import at_mailbox, loop_start
from emu.machine.lap import Loop
from emu.machine.loop_code import loop_code
from emu.machine.tracked import PageStore
from emu.machine.trial import Trials
from emu.mailbox.ap import FIRMWARES
from emu.mailbox.layout import HEAD_BYTES, Head, read_head
from emu.mailbox.observation import (
    Ack,
    Arrived,
    Called,
    Handed,
    Listens,
    Opened,
    Refused,
    Reset,
    Started,
    Stored,
    Waited,
)
from emu.vmm.asked import Asked, NestedFault, Tdcall
from emu.vmm.tdx.abi import SHARED_BIT

_IF: Final = 1 << 9


class SavedWitness(NamedTuple):
    """What a Witness was at one moment."""

    failed: frozenset[int]
    heads: frozenset[int]
    waited: frozenset[tuple[int, int]]
    loops: frozenset[int]


class Witness:
    """What was noted goes to `machine.logs.observed`."""

    def __init__(self, board: Board, guards: Guards, trials: Trials) -> None:
        self._board, self._guards, self._trials = board, guards, trials
        self.on = True
        """Off, nothing is noted: what that costs is then not paid."""
        self._failed: frozenset[int] = frozenset()
        """CPUs whose last call was refused."""
        self._heads: frozenset[int] = frozenset()
        """Where loops at the mailbox begin."""
        self._loops: frozenset[int] = frozenset()
        """Heads of loops whose code was told."""
        self._waited: set[tuple[int, int]] = set()
        """(CPU, head) of waits that were noted."""
        self._loads: dict[tuple[int, frozenset[int]], frozenset[acks.VectorSpan]] = {}
        """(ack, heads) -> what is loaded between them: code, and so no state."""

    def save(self) -> SavedWitness:
        """Everything that changes, for `load`."""
        return SavedWitness(self._failed, self._heads, frozenset(self._waited), self._loops)

    def load(self, saved: SavedWitness) -> None:
        """Be again what `save` saw."""
        self._failed, self._heads, waited, self._loops = saved
        self._waited = set(waited)

    @property
    def _looks(self) -> bool:
        return self.on and not self._board.on_trial

    def _where(self, cpu: Cpu | None, address: int) -> tuple[int, int, int | None, int]:
        """The four fields that every observation begins with; in a copy of an image's code the
        address is the original's."""
        board = self._board
        if cpu is None:
            return board.tick, board.nanoseconds(cpu), None, address
        address = board.copies.original(cpu.registers, address)
        return board.tick, board.nanoseconds(cpu), cpu.id, address

    # -- the mailbox ------------------------------------------------------------------------

    def stored(self, store: PageStore) -> None:
        """A store to the mailbox, with what the CPU that stored knows of it."""
        if not store.now or not self._looks:
            return
        board = self._board
        cpu, at, hpa, before = store.cpu, store.at, store.hpa, store.before
        after = board.memory.read(hpa, len(before))
        first, last = _span(before, after)
        start = hpa % PAGE_BYTES
        new = board.memory.read(Hpa(hpa - start), HEAD_BYTES)
        old = new[:start] + before[: max(HEAD_BYTES - start, 0)] + new[start + len(before) :]
        heads = read_head(old), read_head(new)
        ack = self._ack(cpu, at, *heads) if start + first < HEAD_BYTES else None
        kind = ""
        if cpu is not None and heads[0].command != heads[1].command:
            kind = mailbox_caching.mailbox_type(board, cpu, at)
        board.logs.observed.append(
            Stored(
                *self._where(cpu, at), start + first, before[first:last], after[first:last],
                *heads, ack, kind,
            )
        )  # fmt: skip

    def stored_nothing(self, cpu: Cpu, at: int) -> None:
        """A store to the mailbox page that changed no byte. An AP that clears a command that is
        clear already may be on its way out, and nothing else would tell."""
        board = self._board
        if cpu.id == 0 or not self._looks:
            return
        page = None if board.mailbox_gpa is None else board.npt.hpa_of(board.mailbox_gpa)
        if page is None:
            return
        head = read_head(board.memory.read(page, HEAD_BYTES))
        ack = self._ack(cpu, at, head, head)
        if ack is not None:
            where = self._where(cpu, at)
            board.logs.observed.append(Stored(*where, 0, b"", b"", head, head, ack))

    def _ack(self, cpu: Cpu | None, at: int, before: Head, after: Head) -> Ack | None:
        if cpu is None or cpu.id == 0 or after.command:
            return None
        if not before.command:
            firmware = self._board.aps.of(cpu.id) in FIRMWARES
            if not firmware or not acks.clears(self._board, cpu, at):
                return None
        key = at, self._heads
        loads = self._loads.get(key)
        if loads is None:
            loads = self._loads[key] = acks.loads_before(self._board, cpu, self._heads, at)
        return acks.ack_of(self._trials, cpu, before.command, before.vector, loads)

    def refused(self, cpu: Cpu, gpa: int) -> None:
        """The nested table refuses an access; of interest if it is to the mailbox."""
        board = self._board
        page = Gpa(page_of(gpa & ~SHARED_BIT))
        if page != board.mailbox_gpa:
            return
        state = board.ram.state(page)
        shared = "shared" if gpa & SHARED_BIT else "private"
        if not board.ram.two_views or shared == state:
            return  # whatever is wrong, it is not the view
        text = f"the access is {shared}, the page is {state}"
        at = board.linear_rip(cpu)
        board.logs.observed.append(Refused(*self._where(cpu, at), gpa, text))

    def opens(self, cpu: Cpu, gpa: Gpa, count: int) -> None:
        """Private pages are about to become the host's to see. A TD's host gets another copy
        of them, in which nothing of theirs is."""
        board = self._board
        if not self._looks or board.ram.two_views:
            return
        data = board.ram.guest_bytes(gpa, count * PAGE_BYTES) or b""
        used = len(data) - data.count(0)
        at = board.linear_rip(cpu)
        board.logs.observed.append(Opened(*self._where(cpu, at), gpa, count, used))

    # -- CPUs -------------------------------------------------------------------------------

    def passed(self, cpu: Cpu, passed: Passed) -> None:
        """A CPU is about to execute at an address that matters."""
        if not self._looks:
            return
        if passed.arrives:
            self._arrived(cpu, "vector", ("arrived",))
        if passed.reached is not None:
            self._at_point(cpu, passed.reached)

    def _at_point(self, cpu: Cpu, point: NamedPoint) -> None:
        """A CPU is about to execute the first instruction of a named point."""
        if "parked" in point.roles and cpu.id:
            at = self._board.linear_rip(cpu)
            self._listens(cpu, at, (at,))
        self._arrived(cpu, point.name, point.roles)
        if "parked" in point.roles and cpu.id:
            self._heads |= {self._board.linear_rip(cpu)}
            self._guards.park(cpu)
        elif "os-entry" in point.roles and cpu.id == 0:
            self._handed(cpu)

    def _arrived(self, cpu: Cpu, name: str, roles: tuple[Role, ...]) -> None:
        registers = cpu.registers
        self._board.logs.observed.append(
            Arrived(
                *self._where(cpu, self._board.linear_rip(cpu)), name, roles, registers.mode,
                bool(registers.get("rflags") & _IF), registers.get("rsp"),
            )
        )  # fmt: skip

    def _handed(self, cpu: Cpu) -> None:
        board = self._board
        page = None if board.mailbox_gpa is None else board.npt.hpa_of(board.mailbox_gpa)
        if page is None:
            return
        head, guards = read_head(board.memory.read(page, HEAD_BYTES)), self._guards
        board.logs.observed.append(
            Handed(
                *self._where(cpu, board.linear_rip(cpu)),
                entry_checks.mailbox_problems(board, guards),
                entry_checks.table_problems(board, guards),
                entry_checks.reset_problems(board), head.reserved,
                entry_checks.ignored_nodes(board, guards),
            )
        )  # fmt: skip

    def waited(self, cpu: Cpu, loop: Loop) -> None:
        """A CPU begins to sleep in a loop."""
        if not self._looks:
            return
        board = self._board
        mailbox = at_mailbox(board, loop)
        at = loop_start(cpu, loop)
        if mailbox and cpu.id:
            if not loop.clock:
                if at not in self._loops:
                    base = at - min(loop.path)
                    self._listens(cpu, at, tuple(base + place for place in loop.path))
                self._heads |= {at}
                if not self._guards.parked(cpu):
                    self._guards.park(cpu)
        elif (cpu.id, at) in self._waited:
            return
        self._waited.add((cpu.id, at))
        on: Literal["mailbox", "record", ""] = "mailbox" if mailbox else ""
        if not mailbox and self._at_record(loop):
            on = "record"
        board.logs.observed.append(Waited(*self._where(cpu, at), on, loop.clock, loop.pauses))

    def _listens(self, cpu: Cpu, head: int, path: tuple[int, ...]) -> None:
        """An AP is in a loop at the mailbox, through `path`: its code is told once."""
        if not self._loops.isdisjoint(path):
            return
        code = loop_code(self._board, cpu, head)
        if code is not None:
            self._loops |= {head}
            where = self._where(cpu, head)
            self._board.logs.observed.append(Listens(*where, code))

    def _at_record(self, loop: Loop) -> bool:
        pages = ((hpa, self._board.ram.page_at(hpa)) for hpa, _, _ in loop.reads)
        return any(
            page is not None and handover.in_ap_record(self._board, page + hpa % PAGE_BYTES)
            for hpa, page in pages
        )

    def started(
        self, cpu: Cpu, target: int, how: Literal["StartVirtualProcessor", "SIPI"]
    ) -> None:
        """A CPU has another one started."""
        if self._looks:
            at = self._board.linear_rip(cpu)
            self._board.logs.observed.append(Started(*self._where(cpu, at), target, how))
            self._guards.starts.begins(self._board.cpus[target])

    def reset(self, target: Cpu) -> None:
        """The host has another CPU in the place of one."""
        if self._looks:
            self._board.logs.observed.append(Reset(*self._where(None, 0), target.id))

    # -- calls ------------------------------------------------------------------------------

    def before_answer(self, cpu: Cpu, asked: Asked) -> Asking | None:
        """An exit is about to be answered: a TDCALL is looked at now, and once more then."""
        if isinstance(asked, NestedFault):
            if self._looks:
                self.refused(cpu, asked.gpa)
        elif isinstance(asked, Tdcall) and self._looks and self._board.is_td:
            return calls.asking(cpu, asked)
        return None

    def answered(self, cpu: Cpu, call: Asking) -> None:
        """The call has returned."""
        get = cpu.registers.get
        refused = get("rax")
        status = refused or (get(call.status) if call.status else 0)
        shown = () if refused else call.shown  # the module has not asked the host
        if not status and not shown and cpu.id not in self._failed:
            return
        self._failed = self._failed | {cpu.id} if status else self._failed - {cpu.id}
        self._board.logs.observed.append(
            Called(*self._where(cpu, call.address), call.call, status, shown)
        )


def _span(before: bytes, after: bytes) -> tuple[int, int]:
    """Where two strings of one length begin and end to differ."""
    differ = int.from_bytes(before, "little") ^ int.from_bytes(after, "little")
    first = ((differ & -differ).bit_length() - 1) // 8
    return first, (differ.bit_length() + 7) // 8
