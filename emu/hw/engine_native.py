"""The calls of Unicorn's C library that are made often, without the binding's wrappers.

The wrappers cost as much as the calls themselves. Signatures are those of `unicorn/unicorn.h`.
"""

import ctypes
import struct
from typing import Any, Final

from unicorn import unicorn_const as uc_const
from unicorn.unicorn_py3 import unicorn as binding

CODE_HOOK = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p
)
INTR_HOOK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p)
IN_HOOK = ctypes.CFUNCTYPE(
    ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_void_p
)
OUT_HOOK = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint32, ctypes.c_void_p
)
MEMORY_HOOK = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_int, ctypes.c_uint64, ctypes.c_int, ctypes.c_int64,
    ctypes.c_void_p,
)  # fmt: skip
EDGE_HOOK = ctypes.CFUNCTYPE(None, *(ctypes.c_void_p,) * 4)
SYSCALL_HOOK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
BLOCK: Final = struct.Struct("<QHH")
"""A translated block (`uc_tb`): its linear address, instructions, and bytes."""

_raw = ctypes.CDLL(binding.uclib._name)
hook_add = _raw.uc_hook_add
hook_del = _raw.uc_hook_del
start = _raw.uc_emu_start
start.argtypes = (ctypes.c_void_p, *(ctypes.c_uint64,) * 3, ctypes.c_size_t)
stop = _raw.uc_emu_stop
stop.argtypes = (ctypes.c_void_p,)
save = _raw.uc_context_save
save.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
restore = _raw.uc_context_restore
restore.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
get_register = _raw.uc_reg_read
put_register = _raw.uc_reg_write
translate = _raw.uc_vmem_translate
translate.argtypes = (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int, ctypes.c_void_p)
control = _raw.uc_ctl
EXECUTE: Final = ctypes.c_int(uc_const.UC_PROT_EXEC)
words_of = _raw.uc_strerror
words_of.restype = ctypes.c_char_p
new_engine: Any = binding.Uc


def _order(what: int, values: int) -> int:
    """The second argument of `control`: what is to be done, with so many values behind it."""
    word = what | values << 26 | uc_const.UC_CTL_IO_WRITE << 30
    return ctypes.c_int(word).value


FLUSH_TLB: Final = _order(uc_const.UC_CTL_TLB_FLUSH, 0)
FLUSH_CODE: Final = _order(uc_const.UC_CTL_TB_FLUSH, 0)
REMOVE_CODE: Final = _order(uc_const.UC_CTL_TB_REMOVE_CACHE, 2)
"""With the linear address of the first byte, and of that behind the last."""
