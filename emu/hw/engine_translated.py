"""What an engine makes of each block of code that the emulator translates."""

import ctypes
from typing import Any, Final

from unicorn import x86_const as x86

from emu.hw import engine_native as native
from emu.hw.context import Context
from emu.hw.engine_alone import Alone
from emu.hw.engine_breakpoints import shadowed
from emu.hw.engine_host import CodePages

_CR3: Final = ctypes.c_int(x86.UC_X86_REG_CR3)


class Translating(Alone):
    """The part of an engine that does so; what it needs of the others is declared here."""

    handle: Any
    _code: CodePages
    _scratch: Context
    _root: Any
    _odd: bool
    _bug: BaseException | None

    def _on_translated(self, _uc: int, block: int, _before: int, _data: int) -> None:
        """A block was translated. There are some thousand of them in a boot."""
        own_code = self.own_code
        first, count, size = native.BLOCK.unpack(ctypes.string_at(block, native.BLOCK.size))
        code = self._code.translated(first, size)
        last = self._load_at_end(code)
        place = (first + size - last, count - 1) if last else None
        shadow = shadowed(code) if count == 1 else None
        if shadow is not None and not self._in_shadow():
            shadow = None
        self._odd |= self.breakpoints.translated(first, size, place, shadow)
        if own_code is None:
            return
        native.get_register(self.handle, _CR3, self._root)
        if own_code.knows(self._root.contents.value, first, size):
            return
        native.save(self.handle, self._scratch.pointer)
        try:
            own_code.translated(self._scratch, first, size)
        except BaseException as bug:  # lost otherwise
            self._bug, self._odd = bug, True

    def _load_at_end(self, code: bytes) -> int:
        """The bytes of an instruction that loads descriptors, with which a block ends, or 0."""
        if self.loads is None or not self.loads.may_end(code):
            return 0
        native.save(self.handle, self._scratch.pointer)
        return self.loads.ends(code, self._scratch.coding)

    def _in_shadow(self) -> bool:
        """Whether the block that is translated stands behind STI or a load of SS."""
        native.save(self.handle, self._scratch.pointer)
        return self._scratch.holds_interrupts
