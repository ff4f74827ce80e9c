"""A command that the firmware does not know."""

from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import Parameter, within
from emu.inject.protocol.hand import os_cpu, store

NUMBER = Parameter("NUMBER", "3 to 0xffff", within(3, 0xFFFF))


def _carry_out(given: Given) -> None:
    store(given.machine, os_cpu(given), "command", given.number("NUMBER"))


KIND = InjectionKind(
    "unknown-command", "the OS sends command NUMBER, which means nothing", (NUMBER,),
    _carry_out, "0x4711", when="waking", group="protocol",
)  # fmt: skip
