"""What the built-in OS does with CPUs that wait at a mailbox: a plan, step by step.

    wake 1, wake 2, back 2, test 2, wake all, sleep 3, send 5 1, move, patience 200

`wake` sends Wakeup and waits for the ack and until the CPU is online; `test` sends Test; `back`
lets a CPU leave for the reset vector; `move` brings all CPUs from the loop of power-on to
another one as EDK2 and td-shim do; `patience` is how long an ack is waited for from there on,
in milliseconds, or `ever` as Linux does. CPUs are numbers, `all` of them one after the other,
or `broadcast`, all by one command. The OS itself is shim/os, which reads what `packed` makes.
"""

import struct
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from emu.errors import PlatformError
from emu.given.number import parsed
from emu.given.plain import shown

SETUP_PLAN: Final = 0x4E4C5041
"""The type of its setup_data node (shim/os/plan.h)."""
USUAL: Final = "usual"
"""Wake all, and if there is a way back: let all come back, test them, and wake them again."""
EVER: Final = "ever"
ALL: Final = "all"
BROADCAST: Final = "broadcast"
STEPS_MAX: Final = 65_536
_WAKE, _TEST, _SEND, _BACK, _MOVE, _PATIENCE = range(1, 7)
_EVERYONE: Final = 0xFFFF_FFFF
_SLEEP: Final = {"td-shim": 2}
"""Sleep's number: 3 in EDK2 since it has Test, 2 before and in td-shim (td-shim,
td-shim/src/bin/td-shim/asm/ap_loop.asm; EDK2, OvmfPkg/Include/TdxCommondefs.inc)."""
_USUAL_SLEEP: Final = 3
_COMMAND_MAX: Final = 0xFFFF
_ADDRESS_MAX: Final = (1 << 64) - 1
_MS_MAX: Final = 1_000_000
_FORMS: Final = {
    "wake": f"wake CPU|{ALL}|{BROADCAST}",
    "test": f"test CPU|{ALL}|{BROADCAST}",
    "sleep": f"sleep CPU|{ALL}|{BROADCAST}",
    "back": f"back CPU|{ALL}",
    "send": f"send COMMAND CPU|{ALL}|{BROADCAST} [VECTOR]",
    "move": "move [ADDRESS]",
    "patience": f"patience MS|{EVER}",
}
"""A step's first word -> how it is written."""


class Step(Struct, frozen=True):
    """One thing to do."""

    kind: int
    cpu: int
    """Its place in the device tree; 0xFFFFFFFF by one command for all."""
    value: int = 0
    vector: int = 0


def usual(cpus: int, back: bool) -> tuple[Step, ...]:
    """The course of docs/mailbox_orders.md, where there is a way back."""
    kinds = (_WAKE, _BACK, _TEST, _WAKE) if back else (_WAKE,)
    return tuple(Step(kind, cpu) for kind in kinds for cpu in range(1, cpus))


def steps_of(text: str, cpus: int, *, back: bool, dialect: str = "") -> tuple[Step, ...]:
    """The plan that a text says, for so many CPUs; raises PlatformError with one sentence."""
    found: list[Step] = []
    for number, words in enumerate(text.split(","), 1):
        if words.split() == [USUAL]:
            found += usual(cpus, back)
        else:
            found += _step(words.split(), _Asked(f"--loop-plan, step {number}", cpus, dialect))
        if len(found) > STEPS_MAX:
            raise PlatformError(f"--loop-plan: more than {STEPS_MAX:,} steps")
    return tuple(found)


class _Asked(Struct, frozen=True):
    """Whose step is read."""

    where: str
    cpus: int
    dialect: str

    def number(self, word: str, most: int, what: str) -> int:
        """A number up to a bound; raises PlatformError."""
        value = parsed(word)
        if value is None or not 0 <= value <= most:
            raise PlatformError(
                f"{self.where}: {what} is a number up to {most:#x}, not {shown(word)}"
            )
        return value

    def whom(self, word: str, everyone: bool) -> Iterator[int]:
        """The CPUs that a word means."""
        if word == ALL:
            yield from range(1, self.cpus)
        elif word == BROADCAST and everyone:
            yield _EVERYONE
        else:
            cpu = parsed(word)
            if cpu is None or not 0 < cpu < self.cpus:
                raise PlatformError(
                    f"{self.where}: {shown(word)} is no CPU that waits: "
                    f"1 to {self.cpus - 1}, {ALL}" + (f" or {BROADCAST}" if everyone else "")
                )
            yield cpu


def _step(words: list[str], asked: _Asked) -> Iterator[Step]:
    kind, *rest = words or [""]
    form = _FORMS.get(kind)
    if form is None:
        raise PlatformError(
            f"{asked.where}: {shown(kind)} is no step: {', '.join((*_FORMS, USUAL))}"
        )
    least, most = len(form.split(" [")[0].split()) - 1, len(form.split()) - 1
    if not least <= len(rest) <= most:
        raise PlatformError(f"{asked.where}: it is written {form}")
    match kind:
        case "wake" | "test":
            number = _WAKE if kind == "wake" else _TEST
            yield from (Step(number, cpu) for cpu in asked.whom(rest[0], True))
        case "back":
            yield from (Step(_BACK, cpu) for cpu in asked.whom(rest[0], False))
        case "sleep":
            command = _SLEEP.get(asked.dialect, _USUAL_SLEEP)
            yield from (Step(_SEND, cpu, command) for cpu in asked.whom(rest[0], True))
        case "send":
            command = asked.number(rest[0], _COMMAND_MAX, "a command")
            at = asked.number(rest[2], _ADDRESS_MAX, "a vector") if rest[2:] else 0
            yield from (Step(_SEND, cpu, command, at) for cpu in asked.whom(rest[1], True))
        case "move":
            at = asked.number(rest[0], _ADDRESS_MAX, "an address") if rest else 0
            yield Step(_MOVE, _EVERYONE, 0, at)
        case _:
            ever = rest[0] == EVER
            yield Step(_PATIENCE, 0, 0 if ever else asked.number(rest[0], _MS_MAX, "a time"))


def moves(steps: tuple[Step, ...]) -> bool:
    """Whether CPUs are brought to another mailbox on the way."""
    return any(one.kind == _MOVE for one in steps)


def packed(steps: tuple[Step, ...], loop: int, early: int, by_acpi: bool) -> bytes:
    """`struct plan` of shim/os/plan.h; `loop`: where CPUs come into the loop; `early`: GPA of
    the mailbox before a move, or 0."""
    head = struct.pack("<IIQQ", len(steps), by_acpi, loop, early)
    return head + b"".join(
        struct.pack("<IIQQ", one.kind, one.cpu, one.value, one.vector) for one in steps
    )
