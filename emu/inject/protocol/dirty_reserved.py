"""The word behind the command is not zero, as after a 32-bit store of another value."""

from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import Parameter, within
from emu.inject.protocol.hand import os_cpu, store

WORD = Parameter("VALUE", "16 bits", within(1, 0xFFFF))


def _carry_out(given: Given) -> None:
    store(given.machine, os_cpu(given), "reserved", given.number("VALUE"))


KIND = InjectionKind(
    "dirty-reserved", "the OS leaves VALUE in the reserved word", (WORD,), _carry_out, "0xff00",
    when="os-entry", group="protocol",
)  # fmt: skip
