"""What a CPU did last, and the last call for it that the host or the TDX module refused."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from emu.machine.event import Arrival, Event
from emu.machine.log import Log
from emu.machine.machine import Machine

BACK: Final = 200_000
"""Events that are looked through: more than any boot of a few CPUs has."""
_REFUSED: Final = re.compile(r" -> (?:R10 )?0x[0-9a-f]+|: refused with 0x|: no such code")
"""How a note says that a call was refused: with the status and its name."""
_BEFORE: Final = "ALREADY"
"""In the name of a status: what was asked for is so."""
_WHOSE: Final = re.compile(r"\b(?:VP|cpu) (\d+)\b")


class LastWords(Struct):
    """Of one CPU: its newest event, what was last done to it, and the call that was refused."""

    did: Event | None = None
    fault: Event | None = None
    suffered: Event | None = None
    """What another CPU did to it."""
    refused: Event | None = None


def of(machine: Machine, cpus: Iterable[int]) -> dict[int, LastWords]:
    """What the log says of some CPUs; of one without an event, its last exit."""
    found = {cpu: LastWords() for cpu in cpus}
    for event in _newest(machine.board.logs.events):
        _note(found, event)
    silent = {cpu for cpu, words in found.items() if words.did is None}
    silent = {cpu for cpu in silent if machine.board.cpus[cpu].ticks}
    for event in _newest(machine.board.logs.exits) if silent else ():
        if event.cpu in silent and event.cpu is not None:
            silent.remove(event.cpu)
            found[event.cpu].did = event
    return found


def _newest(log: Log[Event]) -> Iterator[Event]:
    """The entries of a log, the newest first."""
    return (log[index] for index in range(len(log) - 1, max(len(log) - BACK, 0) - 1, -1))


def is_refusal(text: str) -> bool:
    """Whether a note of a call says that it failed, and not that it was carried out before."""
    return _REFUSED.search(text) is not None and _BEFORE not in text


def _note(found: dict[int, LastWords], event: Event) -> None:
    """An event that is older than all that were noted before."""
    if isinstance(event.detail, Arrival):
        if event.cpu in found:
            found[event.cpu].suffered = found[event.cpu].suffered or event
        return
    named = [int(number) for number in _WHOSE.findall(event.text)]
    refused = event.kind == "exit" and is_refusal(event.text)
    own = None if event.cpu is None else found.get(event.cpu)
    if own is not None:
        own.did = own.did or event
        if event.kind == "fault":
            own.fault = own.fault or event
        if refused and all(one == event.cpu for one in named):
            own.refused = own.refused or event
    for number in named:
        other = found.get(number)
        if other is None or number == event.cpu or event.kind in ("serial", "log"):
            continue
        if refused:
            other.refused = other.refused or event
        elif event.kind in ("state", "exit"):
            other.suffered = other.suffered or event
