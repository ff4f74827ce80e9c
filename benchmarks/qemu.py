"""QEMU's gdbstub, stepped over its remote protocol as a debugger would.

The protocol is the one of the GDB manual's appendix E: `$body#checksum`, each side may ask
for a repeat with `-`; here both ends of one socket pair, so nothing ever is repeated.
"""

import shutil
import socket
import subprocess
from pathlib import Path
from typing import Final, Self

QEMU: Final = "qemu-system-x86_64"
_TIMEOUT_S: Final = 30.0
_ROM_BYTES: Final = 0x10000
_LOOP_AT: Final = 0xFFF0
"""The reset vector's offset in a ROM of 64 KiB: the CPU starts inside the loop."""
_LOOP: Final = bytes.fromhex("40 4b ebfc")
"""inc ax; dec bx; jmp to the first: real mode, no memory."""


def installed() -> bool:
    """Whether there is a QEMU to compare with."""
    return shutil.which(QEMU) is not None


def write_rom(path: Path) -> Path:
    """A firmware image that is nothing but the loop."""
    path.write_bytes(bytes(_LOOP_AT) + _LOOP.ljust(_ROM_BYTES - _LOOP_AT, b"\xf4"))
    return path


class Stub:
    """A stopped QEMU machine with one CPU and our end of its gdbstub."""

    def __init__(self, rom: Path) -> None:
        self._ours, theirs = socket.socketpair()
        self._ours.settimeout(_TIMEOUT_S)
        self._buffer = b""
        options = "-S -gdb stdio -nodefaults -display none -accel tcg,thread=single -bios"
        with theirs:
            self._process = subprocess.Popen(
                [QEMU, *options.split(), str(rom)],
                stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.DEVNULL,
            )  # fmt: skip
        self.ask(b"QStartNoAckMode")
        self._ours.sendall(b"+")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._ours.close()

    def step(self, count: int) -> None:
        """Single instructions, each answered before the next is asked for."""
        for _ in range(count):
            reply = self.ask(b"vCont;s:1")
            if not reply.startswith(b"T05"):
                raise ConnectionError(f"{QEMU}: a step was answered {reply!r}")

    def ask(self, body: bytes) -> bytes:
        """Send one packet and wait for the packet that answers it."""
        self._ours.sendall(b"$%s#%02x" % (body, sum(body) & 0xFF))
        while b"#" not in self._buffer[:-2]:
            received = self._ours.recv(4096)
            if not received:
                raise ConnectionError(f"{QEMU}: it ended")
            self._buffer += received
        packet, _, rest = self._buffer.partition(b"#")
        self._buffer = rest[2:]
        return packet.partition(b"$")[2]
