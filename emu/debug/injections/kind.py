"""What a kind of injection is."""

from collections.abc import Callable
from dataclasses import dataclass

from emu.machine.machine import Machine


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: its word, its numbers, and what it does to a machine at once."""

    name: str
    parameters: tuple[str, ...]
    help: str
    carry_out: Callable[[Machine, list[int]], None]

    @property
    def usage(self) -> str:
        """How it is written."""
        return " ".join((self.name, *self.parameters)) + f": {self.help}"
