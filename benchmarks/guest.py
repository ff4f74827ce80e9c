"""A tiny guest whose every CPU computes for ever, as an ELF image and as bare code.

The loop's bytes mean the same in 16-bit and in 64-bit code, but for the width of registers:
the BSP runs them in long mode, and the other CPUs in real mode, where a SIPI puts them.
"""

import struct
from pathlib import Path
from typing import Final

REGISTERS: Final = bytes.fromhex(
    "01c8"  # add eax, ecx
    "d1c2"  # rol edx, 1
    "31d0"  # xor eax, edx
    "01c8"  # add eax, ecx
    "31d1"  # xor ecx, edx
    "ffc6"  # inc esi
    "ebf2"  # jmp to the first
)
"""A loop of seven instructions that touches registers only; no two laps leave the same."""
MEMORY: Final = bytes.fromhex("01c8 d1c2 31d0 8907 030f ffc6 ebf2")
"""The same with a store to and an addition from [rdi], which 16-bit code reads as [bx]."""
DATA: Final = 0xA000
"""Where the loop stores on the BSP; low memory, as on platform `sipi`."""
_AP_PAGE: Final = 0x8000
_AP_START: Final = b"\xbb\x00\x90"
"""mov bx, 0x9000, and then the loop: the APs share one word and feel each other's stores."""
_INIT, _SIPI = 0xC4500, 0xC4600
"""To all CPUs but the sender (SDM 3, figure 11-28); SIPI takes the page number too."""


def _setup(source: int) -> bytes:
    """Enter x2APIC mode, copy the APs' code to its page, wake them, prepare registers.

    `source`: distance from the first byte of this code to the APs' code.
    """
    code = bytes.fromhex("b91b000000 0f32 0d000c0000 0f30")  # APIC_BASE |= EN | EXTD
    here = len(code) + 7
    code += b"\x48\x8d\x35" + struct.pack("<i", source - here)  # lea rsi, [rip + ...]
    code += b"\xbf" + struct.pack("<I", _AP_PAGE)  # mov edi, ...
    code += b"\xb9" + struct.pack("<I", len(_AP_START + MEMORY)) + b"\xf3\xa4"  # rep movsb
    code += bytes.fromhex("b930080000 31d2")  # ecx = ICR, edx = 0: a shorthand is used
    for command in (_INIT, _SIPI | _AP_PAGE >> 12):
        code += b"\xb8" + struct.pack("<I", command) + b"\x0f\x30"  # wrmsr
    code += b"\xbf" + struct.pack("<I", DATA)
    return code + b"\xb9\x01\x00\x00\x00"  # ecx = 1: something to add


LOOP_OFFSET: Final = len(_setup(0))
"""From the image's entry to the BSP's loop."""
NEVER_OFFSET: Final = LOOP_OFFSET + len(MEMORY)
"""From the entry to an instruction that no CPU reaches: a place for a breakpoint."""


def write_image(path: Path, loop: bytes) -> Path:
    """A position-independent ELF file of one segment, which starts at its header."""
    assert len(loop) == len(MEMORY), "the set-up code knows one length"
    first, halt = 0x78, b"\xf4"
    code = _setup(NEVER_OFFSET + len(halt)) + loop + halt + _AP_START + loop
    size = first + len(code)
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", ident, 3, 62, 1, first, 64, 0, 0, 64, 56, 1, 64, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, size, size, 0x1000)
    path.write_bytes(header + segment + code)
    return path
