"""QEMU's record and replay, asked over its gdbstub to step back once.

A recording of a loop is made by stepping it, then replayed for a while; then comes `bs`, the
remote protocol's reverse step (GDB manual, appendix E). QEMU goes back by a snapshot in a disk
image, so an empty one is made here, as the qcow2 format describes it (QEMU, docs/interop).
"""

import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import Final

from benchmarks.qemu import QEMU, installed, write_rom

STEPS: Final = 2_000
REPLAYED: Final = 500
PATIENCE_S: Final = 10.0
"""QEMU 7.2 was seen not to answer at all."""
_CLUSTER: Final = 1 << 16

__all__ = ["installed", "reverse_step"]


def reverse_step(folder: Path) -> tuple[str, float]:
    """QEMU's answer to one reverse step in words, and how long it took."""
    rom = write_rom(folder / "loop.rom")
    disk = _write_disk(folder / "empty.qcow2")
    with _Machine(rom, disk, folder / "log", "record") as machine:
        for _ in range(STEPS):
            machine.ask(b"vCont;s:1")
    with _Machine(rom, disk, folder / "log", "replay") as machine:
        for _ in range(REPLAYED):
            machine.ask(b"vCont;s:1")
        began = time.perf_counter()
        try:
            answer = machine.ask(b"bs")
        except TimeoutError:
            answer = f"nothing within {PATIENCE_S:.0f} s"
        return answer, time.perf_counter() - began


def _write_disk(path: Path) -> Path:
    """An empty qcow2 image: header, reference counts, and a table without clusters."""
    header = struct.pack(
        ">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, 0, 0, 16, 1 << 26, 0, 1, 3 * _CLUSTER,
        _CLUSTER, 1, 0, 0, 0, 0, 0, 4, 104,
    )  # fmt: skip
    image = bytearray(4 * _CLUSTER)
    image[: len(header)] = header
    struct.pack_into(">Q", image, _CLUSTER, 2 * _CLUSTER)
    struct.pack_into(">4H", image, 2 * _CLUSTER, 1, 1, 1, 1)
    path.write_bytes(image)
    return path


class _Machine:
    """A QEMU with one CPU that records or replays, and our end of its gdbstub."""

    def __init__(self, rom: Path, disk: Path, log: Path, mode: str) -> None:
        self._ours, theirs = socket.socketpair()
        self._ours.settimeout(PATIENCE_S)
        options = (
            f"-S -gdb stdio -nodefaults -display none -accel tcg,thread=single -bios {rom} "
            f"-icount shift=0,rr={mode},rrfile={log},rrsnapshot=init "
            f"-drive file={disk},if=none,id=rr"
        )
        with theirs:
            self._process = subprocess.Popen(
                [QEMU, *options.split()], stdin=theirs.fileno(), stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
        self.ask(b"QStartNoAckMode")
        self._ours.sendall(b"+")

    def __enter__(self) -> "_Machine":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._ours.close()

    def ask(self, body: bytes) -> str:
        """Send a packet and wait for the one that answers it; TimeoutError if none comes."""
        self._ours.sendall(b"$%s#%02x" % (body, sum(body) & 0xFF))
        data = b""
        while b"#" not in data[:-2]:
            received = self._ours.recv(4096)
            if not received:
                raise ConnectionError(f"{QEMU}: it ended")
            data += received
        return data.partition(b"$")[2].partition(b"#")[0].decode("ascii", "replace")
