"""One number for the whole guest: equal states have equal digests, on every host.

The memory's part is the sum of its pages' hashes, so only pages that changed since the last
digest are hashed again; the undo log knows them.
"""

import hashlib
from typing import Final

from emu.hw.address import PAGE_BYTES, Hpa
from emu.machine.machine import Machine

_ZERO: Final = bytes(PAGE_BYTES)
_WHOLE: Final = (1 << 256) - 1


class Digest:
    """The digests of one machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._pages: dict[int, int] = {}
        """HPA of a page that is not all zero -> its hash."""
        self._sum = 0
        views = machine.board.ram.views()
        self._stale = {hpa + at for _, hpa, size in views for at in range(0, size, PAGE_BYTES)}

    def now(self) -> str:
        """SHA-256 over all guest memory, with its addresses, and all registers."""
        self._refresh()
        found = hashlib.sha256(self._sum.to_bytes(32, "little"))
        for cpu in self._machine.board.cpus:
            found.update(cpu.id.to_bytes(4, "little"))
            if cpu.context is not None:
                found.update(cpu.context.architectural())
        return found.hexdigest()

    def _refresh(self) -> None:
        """Hash what may have changed since the last time."""
        undo, first = self._machine.board.undo, self._machine.board.ram.views()[0][1]
        self._stale |= undo.stale
        for page in self._stale:
            if page >= first:
                self._replace(page)
        # Pages that are open to the guest now may change again without being told.
        self._stale = set(undo.images)
        undo.stale.clear()

    def _replace(self, page: int) -> None:
        """Put a page's hash of now in place of the one before."""
        data = self._machine.board.memory.read(Hpa(page), PAGE_BYTES)
        new = 0
        if data != _ZERO:
            found = hashlib.sha256(page.to_bytes(8, "little") + data)
            new = int.from_bytes(found.digest(), "little")
        self._sum = (self._sum + new - self._pages.pop(page, 0)) & _WHOLE
        if new:
            self._pages[page] = new
