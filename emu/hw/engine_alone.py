"""Instructions that an engine runs by themselves, as the emulator leaves something undone."""

from typing import Final

from emu.hw.context import Context
from emu.hw.engine_breakpoints import BlockBreakpoints
from emu.hw.engine_host import CodeKeeper, LoadKeeper
from emu.hw.exit import Exit

STORES_MAX: Final = 500
"""Stores by themselves in one run: some 150 ms of the host, which then looks at its keys."""


class Alone:
    """The half of an engine that does so; what it needs of the other is declared here."""

    breakpoints: BlockBreakpoints
    own_code: CodeKeeper | None
    loads: LoadKeeper | None
    pending: Exit | None
    stores: int
    """Stores that ran by themselves, ever."""
    _done: int
    _again: int
    _alone: bool

    @property
    def _executed(self) -> int:
        raise NotImplementedError

    def _stretch(self, context: Context, limit: int, again: int = 0) -> int:
        raise NotImplementedError

    def _store_alone(self, context: Context) -> int:
        """Run the store at RIP by itself, to a page with code that is open now; the library's
        status. If it hits the block that was translated for it, the emulator stops in the
        middle and begins it anew as a block of one: that counts it twice."""
        assert self.own_code is not None, "somebody opened the page"
        twice, self.breakpoints.off = 0, True
        try:
            while True:
                before = context.general()
                status = self._stretch(context, 1 + twice, twice)
                if self.pending is not None or status:
                    return status
                if self._alone or self._executed == self._again:
                    continue  # another page of it was closed, too
                if not twice and context.general() == before:
                    twice = 1
                    continue
                self._done += 1
                self.stores += 1
                return 0
        finally:
            self.breakpoints.off = False
            self.own_code.close()

    def _load_alone(self, context: Context) -> int:
        """Run the instruction at RIP by itself, which loads descriptors; the library's status.
        What the emulator does not write of them is written behind it, or `pending` says why it
        cannot be."""
        loads = self.loads
        assert loads is not None, "somebody said that there is one"
        loads.before(context)
        begun, self.breakpoints.off = self._done, True
        try:
            status, over = 0, False
            while not over and not status and self.pending is None:
                status = self._stretch(context, 1)
                if self._alone:  # it stores to a page with code
                    status, over = self._store_alone(context), True
                    self.breakpoints.off = True
                elif self._executed > self._again:
                    self._done, over = self._done + 1, True
        finally:
            self.breakpoints.off = False
        # An exit may be that of the next one's fetch: then this one has run.
        done = self._done if self.pending is None else self.pending.executed
        fault = loads.behind(context) if done > begun else None
        if fault is not None:
            self._done, self.pending = begun, fault._replace(executed=begun)
        return status
