"""Far pointers in memory: what CALL and JMP of the group FF load (SDM 2, table A-6)."""

from typing import Final

FAR_POINTERS: Final = {3: "lcall", 5: "ljmp"}
"""Which of the group they are -> what they are called."""
POINTER_WORDS: Final = {4: "dword", 6: "fword", 10: "tbyte"}
"""Bytes -> what people call so many."""
_GROUP: Final = 0xFF
_OPERAND_SIZE: Final = 0x66
_REGISTER: Final = 3
_WIDE: Final = 8
"""REX.W."""


def far_pointer(opcode: int, modrm: int, rex: int, prefix: int, mode: str) -> int:
    """Bytes of the pointer that an instruction loads (m16:16, m16:32, m16:64); 0 for any other.
    `prefix`: 0x66, if it has that."""
    if opcode != _GROUP or modrm >> 3 & 7 not in FAR_POINTERS or modrm >> 6 == _REGISTER:
        return 0
    if rex & _WIDE:
        return 10
    return 4 if (mode == "real") != (prefix == _OPERAND_SIZE) else 6
