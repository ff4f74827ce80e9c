"""Who waits for whom: a circle of waits, and who holds the lock in it.

A wait is another CPU's to end if that CPU owns the bytes (an AP's record, an ack), or changed
them last: of a lock, that is who took it. Where nobody else ever changed what a CPU waits for,
it waits for all the others, and then only those count that want a lock which it holds itself.
"""

from typing import Final

from msgspec import Struct

from emu.boot.disasm import Instruction
from emu.hw.cpu import Cpu
from emu.judge import owners
from emu.judge.verdict import WaitFact
from emu.judge.waiting import codes_of, instruction_at
from emu.machine.lap import Loop
from emu.machine.machine import Machine

_AHEAD: Final = 6
"""Instructions behind a loop that are looked at for the attempt to take a lock."""
_ATOMIC: Final = ("lock ", "xchg")
"""Stems of instructions that take locks: XCHG with memory locks by itself (SDM 2, XCHG)."""


class Edge(Struct, frozen=True):
    """A CPU waits for what others are to do."""

    fact: WaitFact
    on: tuple[int, ...]
    """The CPUs that would have to; all others where nobody else ever changed the bytes."""
    certain: bool
    lock: bool
    """It tries to take a lock."""


Circle = tuple[Edge, ...]
"""Each waits for the next, the last for the first."""


def edges(machine: Machine, facts: list[WaitFact]) -> dict[int, Edge]:
    """Who waits for whom; without parked APs, whose turn it is to wait, and without loops that
    a clock ends."""
    found = {}
    everybody = {cpu.id for cpu in machine.board.cpus}
    for fact in facts:
        cpu = machine.board.cpus[fact.cpu]
        wait = machine.waits.waiting.get(cpu.id)
        if wait is None:
            continue  # it waits by MWAIT, which an interrupt ends as well
        loop = wait.loop
        if machine.board.aps.is_parked(cpu.id) or loop.clock or not loop.reads:
            continue
        whose = owners.of(machine, cpu, loop)
        if not whose and fact.last_writer not in (None, cpu.id):
            whose = (fact.last_writer,)
        others = tuple(sorted(everybody - {cpu.id}))
        lock = takes_lock(machine, cpu, loop)
        found[cpu.id] = Edge(fact, whose or others, bool(whose), lock)
    return found


def takes_lock(machine: Machine, cpu: Cpu, loop: Loop) -> bool:
    """Whether a loop, or what follows when it ends, tries to take a lock in what it reads."""
    read = {gva for _, _, gva in loop.reads}
    inside = [one for one in codes_of(machine, cpu, loop) if one is not None]
    behind = [one for exit_ in _exits(loop, inside) for one in _following(machine, cpu, exit_)]
    return any(
        one.mnemonic.startswith(_ATOMIC)
        and any(operand.address(cpu.registers.get, one) in read for operand in one.memory)
        for one in (*inside, *behind)
    )


def _exits(loop: Loop, codes: list[Instruction]) -> list[int]:
    """Where a loop's branches lead that it has not taken."""
    path = set(loop.path)
    ways = [
        way
        for one in codes
        if one.kind == "branch"
        for way in (one.target, one.address + one.size)
        if way is not None
    ]
    return [way for way in ways if way not in path]


def _following(machine: Machine, cpu: Cpu, rip: int) -> list[Instruction]:
    """Some instructions from an address on, through direct jumps."""
    found: list[Instruction] = []
    while len(found) < _AHEAD:
        one = instruction_at(machine, cpu, rip)
        if one is None:
            break
        found.append(one)
        if one.kind == "ret" or (one.kind == "jump" and one.target is None):
            break
        jumps = one.kind == "jump" and one.target is not None
        rip = one.target if jumps and one.target is not None else one.address + one.size
    return found


def circle(some: dict[int, Edge]) -> Circle | None:
    """The first circle; one in which a lock is wanted, if there is any."""
    circles = [found for start in some if (found := _from(some, start)) is not None]
    circles += _by_lock(some)
    return min(circles, key=lambda one: not any(edge.lock for edge in one), default=None)


def _from(some: dict[int, Edge], start: int) -> Circle | None:
    """The circle that a CPU is in, by waits of which it is certain whose they are."""
    way: list[int] = []
    at = start
    while at in some and some[at].certain:
        if at in way:
            return tuple(some[one] for one in way) if at == start else None
        way.append(at)
        at = some[at].on[0]
    return None


def _by_lock(some: dict[int, Edge]) -> list[Circle]:
    """Two by two: one waits for nobody knows whom, and holds the lock that the other wants."""
    return [
        (holder, wants)
        for holder in some.values()
        if not holder.certain
        for wants in some.values()
        if wants.lock and wants.certain and wants.on == (holder.fact.cpu,)
    ]


def words(machine: Machine, found: Circle) -> str:
    """`cpu 0 waits for ...; cpu 1 waits for the lock ..., which cpu 0 holds since tick 5`."""
    parts = []
    for edge, after in zip(found, (*found[1:], found[0]), strict=True):
        fact, other = edge.fact, after.fact.cpu
        if edge.lock:
            held = "" if fact.tick is None else f" since tick {fact.tick:,}"
            parts.append(
                f"cpu {fact.cpu} wants the lock {_bytes(fact)} at {fact.where}, which cpu "
                f"{other} holds{held}"
            )
        else:
            parts.append(
                f"cpu {fact.cpu} waits at {fact.where} for {fact.on}, which is for cpu {other} "
                f"to change"
            )
    return "; ".join(parts)


def _bytes(fact: WaitFact) -> str:
    """What is looked at, without the condition."""
    return fact.on.split(",")[0].split(" ")[0]
