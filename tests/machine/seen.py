"""What was noted of a tiny guest, by kind."""

from typing import TypeVar

from emu.mailbox.observation import Seen, Shared
from tests.guest import Guest, finish

T = TypeVar("T", bound=Seen)


def noted(guest: Guest, kind: type[T]) -> list[T]:
    """All observations of a kind, of a guest that was run to its end."""
    return [one for one in finish(guest.driver()).logs.observed if isinstance(one, kind)]


def shared(source: str, cpus: int = 2, platform: str = "none") -> list[tuple[object, ...]]:
    """(CPU, what, value, other) of what two CPUs have and one should."""
    found = noted(Guest(source, cpus, platform), Shared)
    return [(one.cpu, one.what, one.value, one.other) for one in found]
