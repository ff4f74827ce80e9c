"""Make a moment that apdbg opens (docs/howto/moment.md) of a QEMU that runs.

Usage: python tools/qemu_moment.py SOCKET FILE.json MiB

SOCKET is that of `qemu-system-x86_64 -qmp unix:SOCKET,server=on,wait=off ...`; MiB is what `-m`
says. QEMU is stopped for it and stays so. Read are `query-cpus-fast`, `info registers -a` and
`pmemsave` (QEMU, docs/interop/qemu-qmp-ref; target/i386/cpu-dump.c has the form of the text).
"""

import json
import re
import socket
import sys
from pathlib import Path
from typing import Any

CPU = re.compile(r"^CPU#(\d+)", re.MULTILINE)
WORD = re.compile(r"\b([A-Z][A-Z0-9]{1,3}) ?=([0-9a-f]{8,16})\b")
SEGMENT = re.compile(
    r"^([A-Z]{2,3}) ?=([0-9a-f]{4}) ([0-9a-f]+) ([0-9a-f]{8}) ([0-9a-f]{8})", re.MULTILINE
)
TABLE = re.compile(r"^([GI]DT)= +([0-9a-f]+) ([0-9a-f]{8})", re.MULTILINE)
NAMES = {"eip": "rip", "efl": "rflags", "rfl": "rflags"}
LEGACY = {f"e{name}": f"r{name}" for name in ("ax", "bx", "cx", "dx", "si", "di", "bp", "sp")}
WANTED = {
    "rip", "rflags", "efer", "cr0", "cr2", "cr3", "cr4",
    *(f"dr{number}" for number in (0, 1, 2, 3, 6, 7)),
    *LEGACY.values(), *(f"r{number}" for number in range(8, 16)),
}  # fmt: skip
AFTER_RESET = 0xFFF0
"""Where RIP is of a CPU that nobody has started; CS is based at 0xFFFF0000."""


def cpu_of(text: str) -> dict[str, Any]:
    """One CPU of `info registers -a`."""
    words = {}
    for name, value in WORD.findall(text):
        name = LEGACY.get(name.lower(), NAMES.get(name.lower(), name.lower()))
        if name in WANTED:
            words[name] = f"0x{value}"
    segments = {}
    for name, selector, base, limit, flags in SEGMENT.findall(text):
        bits = int(flags, 16)
        segments["ldtr" if name == "LDT" else name.lower()] = {
            "selector": f"0x{selector}", "base": f"0x{base}", "limit": f"0x{limit}",
            "attributes": hex(bits >> 8 & 0xFF | bits >> 12 & 0xF00),
        }  # fmt: skip
    tables = {
        f"{name.lower()}r": {"base": f"0x{base}", "limit": hex(int(limit, 16) & 0xFFFF)}
        for name, base, limit in TABLE.findall(text)
    }
    waits = int(words["rip"], 16) == AFTER_RESET and int(segments["cs"]["base"], 16) >> 16
    state = "running" if "HLT=0" in text else "wait-for-sipi" if waits else "halted"
    return {"state": state, "registers": {**words, "segments": segments, **tables}}


def cpus_of(text: str) -> list[dict[str, Any]]:
    """All of them."""
    parts = CPU.split(text)[1:]
    numbers, texts = parts[::2], parts[1::2]
    return [
        {"id": int(number), "apic_id": int(number), **cpu_of(part)}
        for number, part in zip(numbers, texts, strict=True)
    ]


class Monitor:
    """QEMU's machine protocol, as far as it is needed."""

    def __init__(self, place: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(place)
        self._lines = self._socket.makefile("r")
        self._lines.readline()
        self.ask("qmp_capabilities")

    def ask(self, command: str, **arguments: Any) -> Any:
        """The answer; what QEMU tells of itself meanwhile is passed over."""
        order = {"execute": command, "arguments": arguments}
        self._socket.sendall(json.dumps(order).encode() + b"\n")
        while True:
            found = json.loads(self._lines.readline())
            if "error" in found:
                raise SystemExit(f"QEMU: {found['error']['desc']}")
            if "return" in found:
                return found["return"]


def main(place: str, file: str, mib: str) -> None:
    """Stop it, and write registers and memory."""
    path = Path(file).resolve()
    memory, size = path.with_suffix(".memory"), int(mib) << 20
    monitor = Monitor(place)
    monitor.ask("stop")
    text = monitor.ask("human-monitor-command", **{"command-line": "info registers -a"})
    monitor.ask("pmemsave", val=0, size=size, filename=str(memory))
    rows = [{"gpa": 0, "file": memory.name, "offset": 0, "size": size}]
    made = {"schema": "apdbg-moment/1", "cpus": cpus_of(text), "memory": rows}
    path.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
