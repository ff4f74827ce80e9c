"""One CPU accounted for: where it stands, what it did last, which call was refused, what it
waits for, who wrote that last, and what would have to come next."""

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from emu.hw.cpu import Cpu
from emu.judge import hopeless, last_words, offered, owners
from emu.judge.hopeless import Hopeless
from emu.judge.last_words import LastWords
from emu.judge.monitored import line_words
from emu.judge.state import in_sidecar, state_of
from emu.judge.verdict import Evidence, Fate, WaitFact
from emu.judge.wait_facts import facts
from emu.machine.event import Event
from emu.machine.handover import ap_record
from emu.machine.ipi import is_roused
from emu.machine.machine import Machine
from emu.timeline.timeline import Timeline
from emu.words.spans import spans

_OWN: Final = re.compile(r"\b(VP|cpu|APIC id) (?:0x)?[0-9a-f]+\b")


class Account(Struct, frozen=True):
    """Everything there is to say of one CPU; empty where there is nothing."""

    cpu: int
    word: str
    """What became of it (`Fate`); of one that is well, what it does (`CpuState`)."""
    fate: Fate
    where: str
    why: str
    did: Event | None
    fault: Event | None
    refused: Event | None
    waits: WaitFact | None
    doing: str
    """What the CPU that wrote last does itself."""
    next: str

    @property
    def alike(self) -> tuple[object, ...]:
        """CPUs of which this is the same are told in one sentence."""
        waits = self.waits
        told = None if waits is None else (waits.on, waits.now, waits.last_writer, waits.tick)
        events = (_plain(_text(one)) for one in (self.did, self.fault, self.refused))
        return (self.word, self.where, _plain(self.why), told, _plain(self.next), *events)


def _plain(text: str) -> str:
    """A text without the numbers of CPUs."""
    return _OWN.sub(r"\1", text)


def _text(event: Event | None) -> str:
    return "" if event is None else event.text


def of(
    machine: Machine, wanted: dict[int, Fate], timeline: Timeline | None = None
) -> list[Account]:
    """Some CPUs, by number, with what became of them. With a timeline, who wrote before a wait
    began is searched for."""
    if not wanted:
        return []
    cpus, held = machine.board.cpus, hopeless.everyone(machine)
    words = last_words.of(machine, wanted)
    waits = {one.cpu: one for one in facts(machine, timeline, wanted)}
    return [
        _account(machine, cpus[one], fate, held.get(one), words[one], waits.get(one))
        for one, fate in wanted.items()
    ]


def _account(
    machine: Machine,
    cpu: Cpu,
    fate: Fate,
    held: Hopeless | None,
    words: LastWords,
    waits: WaitFact | None,
) -> Account:
    why = _why(machine, cpu, fate, held)
    did = words.did or words.suffered
    return Account(
        cpu=cpu.id,
        word=state_of(machine, cpu) if fate == "well" else fate,
        fate=fate,
        where=place(machine, cpu),
        why=why,
        did=None if _says(why, did) else did,
        fault=None if words.fault is did or _says(why, words.fault) else words.fault,
        refused=words.refused,
        waits=waits,
        doing="" if waits is None else _doing(machine, waits),
        next=_next(machine, cpu, fate, held, waits),
    )


def _says(why: str, event: Event | None) -> bool:
    """Whether a reason tells of an event already, or the event of it."""
    return event is not None and bool(why) and (event.text in why or why in event.text)


def place(machine: Machine, cpu: Cpu) -> str:
    """`poll+0xf (loop.inc:18)`; empty for a CPU that never started."""
    if cpu.context is None or cpu.activity in ("off", "wait-for-sipi"):
        return ""
    line = machine.board.layout.lines.line_of(machine.board.origin(cpu))
    source = "" if line is None else f" ({line[0]}:{line[1]})"
    return machine.board.place(cpu) + machine.board.inlined(cpu) + source


def _why(machine: Machine, cpu: Cpu, fate: Fate, held: Hopeless | None) -> str:
    """Why it is what it is."""
    record = ap_record(machine.board, cpu)
    if fate == "not offered":
        return offered.withheld(machine)[cpu.id]
    if fate == "dead":
        return cpu.reason or machine.board.crash
    if record is not None and record.failed:
        return f"given up by the firmware ({record.reason})"
    if cpu.activity in ("off", "wait-for-sipi"):
        return "never started" if not cpu.ticks else "an INIT stopped it, and no SIPI came"
    return held.why if held is not None and fate != "well" else ""


def _doing(machine: Machine, waits: WaitFact) -> str:
    """What the CPU that could have ended a wait does itself."""
    if waits.last_writer is None or waits.last_writer == waits.cpu:
        return ""
    other = machine.board.cpus[waits.last_writer]
    wait = machine.waits.waiting.get(other.id)
    if wait is not None:
        return f"which waits itself at {machine.board.place_at(other, wait.loop.head)}"
    return f"which is {state_of(machine, other)}"


def _next(
    machine: Machine, cpu: Cpu, fate: Fate, held: Hopeless | None, waits: WaitFact | None
) -> str:
    """What would have to come."""
    board = machine.board
    if fate in ("dead", "not offered") or board.powered_off:
        return ""
    if in_sidecar(machine, cpu):
        return "a command of the OS for the sidecar"
    match cpu.activity:
        case "off":
            how = "INIT and SIPI" if board.platform.start == "sipi" else "StartVirtualProcessor"
            return f"{how} for it"
        case "wait-for-sipi":
            return "a SIPI"
        case "halted":
            return "an interrupt" if is_roused(board, cpu) else "an NMI or INIT"
        case "mwait":
            beside = "an interrupt" if is_roused(board, cpu) else "an NMI or INIT"
            return f"a store to {line_words(machine, cpu)}, or {beside}"
        case "waiting" if waits is not None and waits.place:
            if board.aps.is_parked(cpu.id):
                return f"a command in the mailbox with its APIC id {cpu.apic_id:#x}"
            whose, on = _whose(machine, cpu), waits.on
            return (
                f"a store{whose} after which {on}" if "=" in on else f"a store{whose} to {on}"
            )
        case "waiting" if held is not None:
            return "an NMI or INIT"
    return ""


def _whose(machine: Machine, cpu: Cpu) -> str:
    """` of cpu 2`, if what a CPU looks at is that one's to change."""
    found = owners.of(machine, cpu, machine.waits.waiting[cpu.id].loop)
    return f" of cpu {spans(found)}" if found else ""


def sentence(group: Sequence[Account]) -> Evidence:
    """One sentence for CPUs that are alike, with the first one's details."""
    one, ids = group[0], tuple(each.cpu for each in group)
    waits = one.waits
    return Evidence(
        state=one.word,
        cpus=ids,
        sentence="; ".join(parts(one, ids)),
        where=one.where,
        last=_text(one.did),
        fault=_text(one.fault),
        refused=_text(one.refused),
        waits_for="" if waits is None else waits.on,
        last_writer=None if waits is None else waits.last_writer,
        tick=None if waits is None else waits.tick,
        next=one.next,
    )


def parts(one: Account, ids: tuple[int, ...]) -> list[str]:
    """What there is to say of CPUs that are alike, piece by piece; the first says what became
    of them."""
    who = f"cpu {ids[0]} is" if len(ids) == 1 else f"cpus {spans(ids)} are"
    told = [f"{who} {one.word}" + (f": {one.why}" if one.why else "")]
    if one.where:
        told.append(f"at {one.where}")
    if one.did is not None:
        told.append(f"last: {_event(one.did, ids)}")
    if one.fault is not None:
        told.append(f"its last fault: {_event(one.fault, ids)}")
    if one.refused is not None:
        told.append(f"refused: {_event(one.refused, ids)}")
    waits = one.waits
    if waits is not None and waits.place:
        doing = f", {one.doing}" if one.doing else ""
        told.append(f"waits for {waits.on} (now {waits.now}), {waits.written}{doing}")
    elif waits is not None and waits.on == "time":
        told.append("waits for time")
    if one.next:
        following = one.next if len(ids) == 1 else _plain(one.next)
        told.append(f"next would have to come {following}")
    return told


def _event(event: Event, ids: tuple[int, ...]) -> str:
    """An event with when it was, and whose doing if not one of theirs."""
    who = "" if event.cpu is None or event.cpu in ids else f"cpu {event.cpu} "
    return f"{who}{event.text} (tick {event.tick:,})"
