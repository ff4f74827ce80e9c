"""What a kind of injection is: its word, what it takes, and what it does."""

from collections.abc import Callable, Mapping
from typing import Literal

from msgspec import Struct

from emu.boot.platform import Platform
from emu.hw.cpu import Cpu
from emu.inject.parameter import Parameter
from emu.machine.machine import Machine

InjectionGroup = Literal["cpu", "memory", "vmm", "protocol"]


class Given(Struct, frozen=True):
    """What was written, read and checked, and whose doing was waited for."""

    machine: Machine
    values: Mapping[str, int | str]
    met_by: Cpu | None
    """The CPU that reached the moment; None where the injection did not wait for one."""

    def number(self, name: str) -> int:
        """A parameter that is a number: an address, picoseconds for NS, a count."""
        value = self.values[name]
        assert isinstance(value, int), f"{name} is no number"
        return value

    def word(self, name: str) -> str:
        """A parameter that is a word."""
        value = self.values[name]
        assert isinstance(value, str), f"{name} is no word"
        return value

    @property
    def cpu(self) -> Cpu:
        """The CPU that the parameter CPU names."""
        return self.machine.board.cpus[self.number("CPU")]


def everywhere(_: Platform) -> str:
    """A kind that every platform has."""
    return ""


class InjectionKind(Struct, frozen=True):
    """One kind. Adding one is one file and a line in its group's KINDS."""

    name: str
    help: str
    """One line: what is broken."""
    parameters: tuple[Parameter, ...]
    carry_out: Callable[[Given], None]
    """Breaks it; raises CommandError where it cannot be, and then nothing has changed."""
    example: str
    """Parameters as a person would write them, for 4 CPUs of any platform that has it."""
    when: str = ""
    """The moment that is meant where none is named, `{CPU}` standing for a parameter; empty:
    at once."""
    not_started: str = ""
    """The moment that is meant where none is named and its CPU has not started yet, for a kind
    that needs one that has; `{CPU}` as in `when`."""
    behind: str = ""
    """The injection that has to have happened before the one in `example`; empty: none."""
    lacking: Callable[[Platform], str] = everywhere
    """Why a platform has no such thing; empty if it has."""
    group: InjectionGroup = "cpu"

    @property
    def usage(self) -> str:
        """How it is written."""
        return " ".join((self.name, *(one.usage for one in self.parameters)))
