"""Accesses to ports, which the emulator does not ask about: it does IN and OUT, and tells in
the middle of them. Where a guest may not have them, what they did is taken back.
"""

from typing import Any, Protocol

from unicorn import unicorn_const as uc_const
from unicorn import x86_const as x86

from emu.hw import engine_native as native
from emu.hw.context import Context
from emu.hw.exit import Exit, ExitKind


class Leaving(Protocol):
    """What it needs of an engine."""

    handle: Any

    @property
    def begun(self) -> int:
        """Instructions begun since the run began, the present one included."""

    def new_context(self) -> Context:
        """A context of its own."""

    def hook(self, kind: int, callback: Any, *, instruction: int) -> Any:
        """Have something called for an instruction."""

    def leave(self, exit_: Exit, in_body: bool = False) -> None:
        """End the run."""


class Ports:
    """The hooks of one engine for IN and OUT, of all their forms."""

    def __init__(self, engine: Leaving, traps: bool) -> None:
        self._engine = engine
        self.traps = traps
        """Whether they are exits before anything was done, not behind the instruction. What
        INS has stored by then, a zero, stays."""
        self.refused = False
        """The run ended at one that has to be taken back."""
        self._before = engine.new_context()
        kind = uc_const.UC_HOOK_INSN
        into, out = native.IN_HOOK(self._on_in), native.OUT_HOOK(self._on_out)
        engine.hook(kind, into, instruction=x86.UC_X86_INS_IN)
        engine.hook(kind, out, instruction=x86.UC_X86_INS_OUT)

    def _on_in(self, _uc: int, port: int, size: int, _data: int) -> int:
        """IN retires with a value of 0; who handles the exit sets the real one."""
        self._accessed(ExitKind.PORT_IN, port, size, 0)
        return 0

    def _on_out(self, _uc: int, port: int, size: int, value: int, _data: int) -> None:
        self._accessed(ExitKind.PORT_OUT, port, size, value)

    def _accessed(self, kind: ExitKind, port: int, size: int, value: int) -> None:
        """The registers are still those of the instruction's beginning."""
        if self.refused:
            return  # a later round of REP: it has not begun
        if self.traps:
            native.save(self._engine.handle, self._before.pointer)
            self.refused = True
        executed = self._engine.begun - self.traps
        exit_ = Exit(kind, executed, port, value, size, done=not self.traps)
        self._engine.leave(exit_, in_body=self.traps)

    def put_back(self, context: Context) -> None:
        """The registers are as they were before an access that was refused."""
        self._before.changed = True
        context.load(self._before.save())
