"""What the guest touches and executes, told to whoever looks, in the middle of a run."""

import ctypes
from collections.abc import Callable
from typing import Any, Final, Protocol

from unicorn import unicorn_const as uc_const
from unicorn import x86_const as x86

from emu.hw import engine_native as native

ACCESS_BYTES_MAX: Final = 16
"""The widest store that the emulator reports at once."""
_STORE: Final = uc_const.UC_MEM_WRITE
Told = Callable[[int, int, int, int | None], None]
"""(instruction since the run began, HPA, bytes, the value stored or None for a load)."""


class _Register(ctypes.Structure):
    """What a register is read into; an MSR's number stands before the value (unicorn/x86.h,
    uc_x86_msr)."""

    _fields_ = (("msr", ctypes.c_uint32), ("value", ctypes.c_uint64))


_MSRS: Final = {"efer": 0xC0000080}
"""Registers that the emulator knows by number only."""


class Hooked(Protocol):
    """What it needs of an engine."""

    @property
    def handle(self) -> Any:
        """The library's own."""

    @property
    def pending(self) -> object | None:
        """Not None once the run is to end here."""

    @property
    def begun(self) -> int:
        """Instructions begun in this run, the present one included; 0 if it is begun again."""

    def hook(self, kind: int, callback: Any, first: int, last: int) -> ctypes.c_size_t:
        """Have something called between two addresses, or everywhere."""

    def flush_code(self) -> None:
        """Forget translated code, which has no calls of new hooks in it."""


class Watches:
    """The hooks of one engine that only look."""

    def __init__(self, engine: Hooked) -> None:
        self._engine = engine
        self._hooks: list[ctypes.c_size_t] = []

    def memory(self, hpa: int, size: int, reads: bool, told: Told) -> None:
        """Tell of every store (and load, if wanted) of the guest that touches a range of host
        memory. An access may begin below the range."""

        def access(_uc: int, kind: int, place: int, size: int, value: int, _data: int) -> None:
            if self._engine.begun < 1:
                return  # it will be begun once more
            told(self._engine.begun, place, size, value if kind == _STORE else None)

        first = max(hpa - ACCESS_BYTES_MAX + 1, 0)
        kinds = (uc_const.UC_HOOK_MEM_WRITE, *((uc_const.UC_HOOK_MEM_READ,) * reads))
        for kind in kinds:
            callback = native.MEMORY_HOOK(access)
            self._hooks.append(self._engine.hook(kind, callback, first, hpa + size - 1))
        self._engine.flush_code()  # what is translated already loads and stores by itself

    def code(self, first: int, last: int, told: Callable[[int, int], None]) -> None:
        """Tell of every instruction that is begun at a range of linear addresses: which one
        since the run began, and where. `first` above `last`: of every one."""

        def begun(_uc: int, address: int, _size: int, _data: int) -> None:
            if self._engine.pending is None and self._engine.begun > 0:
                told(self._engine.begun, address)

        hook = self._engine.hook(uc_const.UC_HOOK_CODE, native.CODE_HOOK(begun), first, last)
        self._hooks.append(hook)
        self._engine.flush_code()

    def nothing(self) -> None:
        """Take back all that was watched."""
        for hook in self._hooks:
            native.hook_del(self._engine.handle, hook)
        if self._hooks:
            self._engine.flush_code()
        self._hooks.clear()

    def register(self, register: str, told: Callable[[int, int], None]) -> None:
        """Tell when a register, by lower-case name, is another one at the beginning of an
        instruction than at that of the one before: which instruction, and the value. Another
        CPU's instruction counts as any other."""
        msr = _MSRS.get(register)
        name = "MSR" if msr is not None else register.upper()
        number = ctypes.c_int(getattr(x86, f"UC_X86_REG_{name}"))
        value, handle, seen = _Register(msr or 0), self._engine.handle, -1
        place = ctypes.byref(value, 0 if msr is not None else _Register.value.offset)

        def begun(_uc: int, _address: int, _size: int, _data: int) -> None:
            nonlocal seen
            native.get_register(handle, number, place)
            if value.value != seen and self._engine.pending is None and self._engine.begun > 0:
                seen = value.value
                told(self._engine.begun, seen)

        hook = self._engine.hook(uc_const.UC_HOOK_CODE, native.CODE_HOOK(begun), 1, 0)
        self._hooks.append(hook)
        self._engine.flush_code()
