"""What injections take: each parameter is read from one word, and checked at once."""

from collections.abc import Callable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from emu.errors import CommandError
from emu.given.number import number
from emu.hw.address import U64
from emu.hw.context import GENERAL
from emu.machine.machine import Machine
from emu.mailbox.layout import FIELDS
from emu.words.where import resolve

ReadParameter = Callable[[Machine, str, str], int | str]
"""(machine, the word, what to call it in a sentence) -> the value; raises CommandError."""
_UNITS: Final = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}
NS_MAX: Final = 10**13


class Parameter(Struct, frozen=True):
    """One parameter; `default` None: it must be given."""

    name: str
    help: str
    read: ReadParameter
    default: str | None = None

    @property
    def usage(self) -> str:
        """As it stands in a usage line."""
        return self.name if self.default is None else f"[{self.name}]"

    def or_else(self, default: str) -> "Parameter":
        """The same one with a default."""
        return replace(self, default=default)

    def named(self, name: str, help: str = "") -> "Parameter":
        """The same one by another name."""
        return replace(self, name=name, help=help or self.help)


def _cpu(machine: Machine, word: str, what: str) -> int:
    found = number(word, what)
    if found >= len(machine.board.cpus):
        raise CommandError(
            f"{what}: there is no cpu {found}: they are 0 to {len(machine.board.cpus) - 1}"
        )
    return found


def _any_cpu(machine: Machine, word: str, what: str) -> int:
    """A CPU's number, or -1 for `any`."""
    return -1 if word == "any" else _cpu(machine, word, what)


def duration(word: str, what: str) -> int:
    """Picoseconds of `250`, `250ns`, `3us`, `20ms` or `1s`; raises CommandError."""
    digits = word.rstrip("nums")
    unit = word[len(digits) :] or "ns"
    if unit not in _UNITS:
        raise CommandError(f"{what}: {word!r} is no time: 250ns, 3us, 20ms, 1s")
    found = number(digits, what) * _UNITS[unit]
    if found > NS_MAX:
        raise CommandError(f"{what}: {word!r} is more than {NS_MAX // 10**9:,} s")
    return found * 1000


def _duration(_: Machine, word: str, what: str) -> int:
    return duration(word, what)


def address(machine: Machine, word: str, what: str) -> int:
    """The GPA of `mailbox`, `mailbox.FIELD`, a symbol of the images, or a number."""
    name, dot, field = word.partition(".")
    if name == "mailbox":
        if machine.board.mailbox_gpa is None:
            raise CommandError(f"{what}: this image has no mailbox page")
        offsets = {one.name: one.offset for one in FIELDS}
        if dot and field not in offsets:
            raise CommandError(f"{what}: the mailbox has no field {field!r}")
        found = machine.board.mailbox_gpa + offsets.get(field, 0)
    else:
        # Of the mailbox loops of shim and reset page, the last one's is executed.
        found = resolve(machine, word.removeprefix("gpa:"))[-1]
    if machine.board.ram.hpa(found) is None:
        raise CommandError(f"{what}: there is no memory at {found:#x}")
    return found


def _linear(machine: Machine, word: str, what: str) -> int:
    """A linear address; `mailbox` where it is mapped one to one."""
    if word == "mailbox":
        return address(machine, word, what)
    return resolve(machine, word)[-1]


def within(low: int, high: int) -> ReadParameter:
    """A number of a range."""

    def read(_: Machine, word: str, what: str) -> int:
        found = number(word, what)
        if not low <= found <= high:
            raise CommandError(f"{what}: {low} to {high:#x}, got {word}")
        return found

    return read


def one_of(*words: str) -> ReadParameter:
    """One of some words."""

    def read(_: Machine, word: str, what: str) -> str:
        if word not in words:
            raise CommandError(f"{what}: {' or '.join(words)}, got {word!r}")
        return word

    return read


def _word(_: Machine, word: str, what: str) -> str:
    return word


CPU: Final = Parameter("CPU", "a CPU's number", _cpu)
ANY_CPU: Final = Parameter("ON", "a CPU's number, or any", _any_cpu, "any")
NS: Final = Parameter("NS", "how long: 250ns, 3us, 20ms", _duration)
GPA: Final = Parameter("GPA", "a symbol, mailbox.FIELD, or a number", address)
GVA: Final = Parameter("GVA", "a symbol, mailbox, or a linear address", _linear)
VALUE: Final = Parameter("VALUE", "up to 64 bits", within(0, U64))
VECTOR: Final = Parameter("VECTOR", "32 to 255", within(32, 255))
BIT: Final = Parameter("BIT", "0 to 63", within(0, 63))
REGISTER: Final = Parameter("REGISTER", "a general register", one_of(*GENERAL, "rip"))
APIC_ID: Final = Parameter("ID", "an APIC id", within(0, (1 << 32) - 1))
CALL: Final = Parameter(
    "CALL", "part of a call's name as the log of exits has it, `.` for any", _word
)
COUNT: Final = Parameter("COUNT", "how many times", within(1, 1 << 32))
STATUS: Final = Parameter("STATUS", "what the call returns, 64 bits", within(0, U64))
