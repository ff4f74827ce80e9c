"""A kernel in the file that boot loaders of Linux take."""

import struct
import zlib


def bzimage(vmlinux: bytes) -> bytes:
    """A kernel in the file that boot loaders take: its setup header, and the kernel in gzip's
    format, stored and not deflated, since zlib's versions deflate differently (Linux,
    Documentation/arch/x86/boot.rst; RFC 1952 and 1951)."""
    sectors, release = 1, b"0.0-sample (apdbg)\0"
    blocks = [vmlinux[at : at + 0xFFFF] for at in range(0, len(vmlinux), 0xFFFF)]
    stored = b"".join(
        struct.pack("<BHH", at == len(blocks) - 1, len(one), len(one) ^ 0xFFFF) + one
        for at, one in enumerate(blocks)
    )
    ends = struct.pack("<II", zlib.crc32(vmlinux), len(vmlinux))
    payload = b"\x1f\x8b\x08" + bytes(6) + b"\xff" + stored + ends
    head = bytearray((sectors + 1) * 512)
    for at, form, value in (
        (0x1F1, "<B", sectors), (0x1FE, "<H", 0xAA55), (0x202, "<4s", b"HdrS"),
        (0x206, "<H", 0x20F), (0x20E, "<H", 0x280 - 0x200), (0x211, "<B", 1),
        (0x230, "<I", 2 << 20), (0x234, "<B", 1), (0x236, "<H", 3), (0x248, "<I", 0),
        (0x24C, "<I", len(payload)), (0x258, "<Q", 16 << 20), (0x260, "<I", 8 << 20),
        (0x280, f"<{len(release)}s", release),
    ):  # fmt: skip
        struct.pack_into(form, head, at, value)
    return bytes(head) + payload
