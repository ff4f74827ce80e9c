"""Places in code and memory as people name them: a symbol, a role, `file:line`, or a number.

A role (`parked`, `os-entry`, ...) is whatever place plays it in the images; a symbol of that
name comes first.
"""

from typing import Final

from emu.boot.roles import ROLES
from emu.boot.rust_names import typed
from emu.errors import CommandError
from emu.given.nearest import did_you_mean
from emu.given.number import begins_a_number, is_digits, number
from emu.hw.address import U64
from emu.machine.machine import Machine

SEVERAL_MAX: Final = 8
"""Functions that are listed where a name may mean any of them."""


def resolve(machine: Machine, where: str) -> tuple[int, ...]:
    """The addresses of a symbol, role, `file:line` or number, with `*` in front as gdb has it;
    raises CommandError."""
    where = where.removeprefix("*")
    name, plus, offset = where.partition("+")
    shift = number(offset, where) if plus else 0
    found = machine.board.layout.symbols.find(name) or machine.board.roles.of(name)
    if found:
        return tuple(address + shift for address in found)
    several = machine.board.layout.symbols.alike(name)
    if several:
        raise _ambiguous(where, several)
    inlined = _inlined(machine, where, name)
    if inlined:
        return tuple(address + shift for address in inlined)
    file, colon, line = where.rpartition(":")
    if colon and is_digits(line):
        places = machine.board.layout.lines.addresses(file, int(line))
        if not places:
            raise CommandError(f"{where}: no code comes from there")
        return tuple(places)
    if name in ROLES:
        raise CommandError(
            f"{where}: no place of these images is known to play that role: [roles] of the "
            "platform's file can name one"
        )
    if not begins_a_number(where):
        meant = did_you_mean(name, machine.board.layout.symbols.names())
        raise CommandError(f"{where}: no symbol, file:line or address of that name{meant}")
    return (_address(where),)


def _inlined(machine: Machine, where: str, name: str) -> list[int]:
    """Where a function begins that has no symbol, since it is inlined wherever it is called;
    raises CommandError where several are meant."""
    if not name.replace("::", "_").replace(".", "_").isidentifier():
        return []
    layout = machine.board.layout
    found = layout.lines.inlined(name)
    by_path: dict[str, list[int]] = {}
    for one, places in found.items():
        by_path.setdefault(typed(layout.symbols.told(one)), []).extend(places)
    if len(by_path) > 1:
        whole = by_path.get(name)
        if whole is None:
            raise _ambiguous(where, sorted(by_path))
        return sorted(set(whole))
    return sorted({at for places in by_path.values() for at in places})


def _ambiguous(where: str, several: list[str]) -> CommandError:
    more = f", and {len(several) - SEVERAL_MAX:,} more" if len(several) > SEVERAL_MAX else ""
    listed = ", ".join(several[:SEVERAL_MAX])
    return CommandError(f"{where}: several functions end so: {listed}{more}")


def _address(text: str) -> int:
    """A number that 64 bits can hold."""
    value = number(text, "address")
    if value > U64:
        raise CommandError(f"{text}: an address has 64 bits, this has {value.bit_length()}")
    return value
