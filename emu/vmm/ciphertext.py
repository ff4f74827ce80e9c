"""What the host sees instead of a private page of a trust domain: keyed, repeatable noise."""

import hashlib
from functools import lru_cache
from typing import Final

from emu.hw.address import PAGE_BYTES, PAGE_MASK, Gpa

_KEY: Final = b"apdbg: one memory key for every trust domain"
_BLOCK_BYTES: Final = 64
_PAGES_CACHED: Final = 64  # 256 KiB of key stream: a debugger looks at few private pages


@lru_cache(maxsize=_PAGES_CACHED)
def _stream(page: int) -> bytes:
    """4,096 pseudo-random bytes that belong to one page number."""
    seed = page.to_bytes(8, "little")
    blocks = (
        hashlib.blake2b(seed + block.to_bytes(2, "little"), key=_KEY).digest()
        for block in range(PAGE_BYTES // _BLOCK_BYTES)
    )
    return b"".join(blocks)


def ciphertext(gpa: Gpa, data: bytes) -> bytes:
    """The bytes at a GPA as the host reads them: same place and content, same noise.

    Each byte depends on its own address and value only, so any part of a page reads alike
    however the host cuts its accesses. It hides content from the model's host, no more."""
    out = bytearray()
    address, done = int(gpa), 0
    while done < len(data):
        offset = address & PAGE_MASK
        count = min(PAGE_BYTES - offset, len(data) - done)
        key = _stream(address >> 12)[offset : offset + count]
        mixed = int.from_bytes(data[done : done + count], "little") ^ int.from_bytes(
            key, "little"
        )
        out += mixed.to_bytes(count, "little")
        address, done = address + count, done + count
    return bytes(out)
