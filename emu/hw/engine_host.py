"""What stands around an engine: the library's own, as it is opened, and who keeps its
translated code apart from stores."""

import ctypes
from typing import Any, Final, Protocol

from unicorn import unicorn_const as uc_const
from unicorn import x86_const as x86

from emu.errors import EngineError
from emu.hw import engine_native as native
from emu.hw.address import PAGE_BYTES, Hpa, page_of
from emu.hw.context import Context
from emu.hw.engine_features import limit_to_offered
from emu.hw.exit import Exit
from emu.hw.memory import HostMemory

TRANSLATION_BYTES: Final = 32 << 20
"""Translated code: whole boots fit, and one flush stays below 40 us."""
_CALIBRATION: Final = 0x5CA1AB1E12345
_ENGINE_WORDS: Final = 512
_ANYWHERE: Final = -1


class Library:
    """One engine of the library: opened, hooked, and with its counters found."""

    def __init__(self, memory: HostMemory, save_area: Hpa) -> None:
        self.uc = _open(memory, save_area)
        self.handle = ctypes.c_void_p(ctypes.cast(self.uc._uch, ctypes.c_void_p).value)
        self._keep: list[Any] = []
        limit_to_offered(self.handle, self.uc.context_save().context)

    def new_context(self) -> Context:
        """The engine's registers of now, in a context of their own."""
        return Context(self.uc.context_save())

    def counters(self, halt: int) -> tuple[Any, Any]:
        """The engine's own instruction counter, and behind it the count that it was given.

        It is found by its value: one run with a number that nothing else holds, of a HLT.
        """
        native.start(self.handle, halt, 0, 0, _CALIBRATION)
        words = (ctypes.c_uint64 * _ENGINE_WORDS).from_address(self.handle.value or 0)
        hits = [index for index, word in enumerate(words) if word == _CALIBRATION]
        if len(hits) != 1:
            raise EngineError("unicorn: the instruction counter is not where 2.1.4 has it")
        place = (self.handle.value or 0) + 8 * hits[0]
        return ctypes.c_uint64.from_address(place - 8), ctypes.c_uint64.from_address(place)

    def hook(
        self, kind: int, callback: Any, first: int = 1, last: int = 0, instruction: int = 0
    ) -> ctypes.c_size_t:
        """Have a callback called for a kind of happening, between two addresses if `first` is
        not above `last`."""
        handle = ctypes.c_size_t()
        status = native.hook_add(
            self.handle, ctypes.byref(handle), ctypes.c_int(kind),
            ctypes.cast(callback, ctypes.c_void_p), ctypes.c_void_p(0),
            ctypes.c_uint64(first), ctypes.c_uint64(last), ctypes.c_int(instruction),
        )  # fmt: skip
        if status:
            raise EngineError(f"unicorn: cannot hook kind {kind}: error {status}")
        self._keep.append(callback)
        return handle


def _open(memory: HostMemory, save_area: Hpa) -> Any:
    """A 64-bit engine with SVM, host paging off, all of host memory at HPA 0; VMRUN saves the
    host's state to one page."""
    uc: Any = native.new_engine(uc_const.UC_ARCH_X86, uc_const.UC_MODE_64)
    uc.ctl_set_cpu_model(x86.UC_CPU_X86_EPYC)
    uc.ctl_set_tcg_buffer_size(TRANSLATION_BYTES)
    uc.mem_map_ptr(0, memory.size, uc_const.UC_PROT_ALL, memory.pointer)
    uc.reg_write(x86.UC_X86_REG_CR4, 1 << 5 | 1 << 9 | 1 << 10 | 1 << 18)
    uc.msr_write(0xC0000080, 0x1D00)  # host EFER: SVME, NXE, LMA, LME
    uc.msr_write(0xC0010117, save_area)
    # Exits mode without exits: `until` would make each return walk the guest's tables.
    uc.ctl_exits_enabled(True)
    uc.ctl_set_exits([])
    return uc


class CodePages:
    """The pages of the host that code was translated from."""

    def __init__(self, handle: ctypes.c_void_p, memory: HostMemory) -> None:
        self._handle, self._memory = handle, memory
        self._place = ctypes.c_uint64()
        self._target = ctypes.byref(self._place)
        self.pages: set[int] = set()
        """HPAs; `_ANYWHERE` where that is not known."""

    def translated(self, first: int, size: int) -> bytes:
        """A block was, from a linear address on: its bytes, none where they are not known. It
        was fetched just now, so that the emulator finds it in its TLB and walks no tables."""
        end, found = first + size, b""
        for place in sorted({page_of(first), page_of(end - 1)}):
            failed = native.translate(self._handle, place, native.EXECUTE, self._target)
            self.pages.add(_ANYWHERE if failed else self._place.value)
            if not failed:
                start, stop = max(first - place, 0), min(end - place, PAGE_BYTES)
                found += self._memory.read(Hpa(self._place.value + start), stop - start)
        return found if len(found) == size else b""

    def among(self, pages: set[int]) -> bool:
        """Whether there may be code in one of these."""
        return _ANYWHERE in self.pages or not self.pages.isdisjoint(pages)


class LoadKeeper(Protocol):
    """Who sees to instructions that load descriptors (`emu.machine.descriptor_loads`)."""

    def may_end(self, code: bytes) -> bool:
        """Whether a block may end with one: quickly, and wrong only if it says so."""

    def ends(self, code: bytes, mode: str) -> int:
        """The bytes of the block's last instruction if it is one, else 0."""

    def before(self, context: Context) -> None:
        """It is about to run."""

    def behind(self, context: Context) -> Exit | None:
        """It has run. None if that is all; else the fault that the processor's own store is,
        and the context is as before."""


class CodeKeeper(Protocol):
    """Who keeps stores and translated code apart (`emu.machine.own_code`)."""

    def knows(self, root: int, first: int, size: int) -> bool:
        """Whether blocks of the same pages of linear addresses are known under a CR3."""

    def translated(self, registers: Context, first: int, size: int) -> None:
        """A block was translated, from a linear address on."""

    def opens(self, gpa: int) -> bool:
        """Whether a denied store is to run alone; then its page is open."""

    def close(self) -> None:
        """It has run."""

    def forget(self) -> None:
        """Translated code is gone."""

    def went_back(self) -> None:
        """Translated code is still there, but time went back."""
