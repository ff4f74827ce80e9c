"""What people look for among exits, by name and number: `hypercall StartVirtualProcessor`,
`wrmsr 0x830`, `cpuid 0x15`, `npf writing`."""

import re
from typing import Final

from msgspec import Struct

from emu.given.number import parsed
from emu.vmm.asked import Asked
from emu.vmm.asked_words import families, names, numbers

_BETWEEN: Final = re.compile(r"[\s=(),]+")


class Wanted(Struct, frozen=True):
    """All of these are asked for; an empty one is every exit."""

    names: tuple[str, ...] = ()
    """Parts of names, in lower case."""
    numbers: tuple[int, ...] = ()

    def meets(self, asked: Asked) -> bool:
        """Whether something that was asked is it."""
        if self.numbers:
            known = numbers(asked)
            if not all(one in known for one in self.numbers):
                return False
        if not self.names:
            return True
        called = " ".join((*families(asked), *names(asked))).lower()
        return all(one in called for one in self.names)


def wanted_exit(text: str) -> Wanted:
    """Words as people write them, or as the log of exits has them."""
    found: list[str] = []
    values: list[int] = []
    for word in filter(None, _BETWEEN.split(text)):
        value = parsed(word)
        if value is None:
            found.append(word.lower())
        else:
            values.append(value)
    return Wanted(tuple(found), tuple(values))


def wanted_call(text: str) -> Wanted:
    """A call by a part of its name or its number; `.` is any."""
    return Wanted() if text == "." else wanted_exit(text)
