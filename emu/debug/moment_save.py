"""The moment of a live machine as files that `apdbg` opens again (`emu.boot.moment_file`)."""

from pathlib import Path
from typing import Any, Final

import msgspec

from emu.boot.moment_file import SCHEMA, SEGMENTS, TABLES, WORDS, parse_moment
from emu.debug.desk import Desk, Lines
from emu.errors import CommandError
from emu.given.files import new_file
from emu.hw.cpu import Cpu
from emu.hw.vmcb import SegmentState
from emu.machine.board import Board
from emu.machine.start_msrs import TSC, kept
from emu.vmm.clock import tsc_at

_STATES: Final = {
    "running": "running", "waiting": "running", "halted": "halted",
    "mwait": "running",  # which may wake whenever it likes
    "wait-for-sipi": "wait-for-sipi",
}  # fmt: skip
"""What a CPU does -> the word of the file; all else is off."""
_LONG: Final = 1 << 10
"""EFER.LMA."""


def save(desk: Desk, file: str) -> Lines:
    """Write registers to `file` and memory beside it; says what was written."""
    board = desk.machine.board
    if board.platform.isolation != "none":
        raise CommandError(
            f"save moment: on {board.platform.name} memory is not only bytes: whose each page "
            "is has no place in such a file"
        )
    path = Path(file)
    memory = path.with_suffix(".memory")
    rows, offset = [], 0
    with new_file(memory, CommandError) as out:
        for bank in board.ram.banks:
            data = board.ram.guest_bytes(bank.gpa, bank.size) or b""
            out.write(data)
            rows.append({"gpa": hex(bank.gpa), "file": memory.name, "offset": offset,
                         "size": len(data)})  # fmt: skip
            offset += len(data)
    cpus = [_cpu(board, cpu) for cpu in board.cpus]
    made = {"schema": SCHEMA, "platform": board.platform.name, "cpus": cpus, "memory": rows}
    text = msgspec.json.format(msgspec.json.encode(made), indent=1)
    with new_file(path, CommandError) as out:
        out.write(text)
    return (
        f"{file}: {len(cpus)} CPUs; {memory}: {offset:,} bytes of memory",
        f"`apdbg {file}` opens it: devices, timers and pending interrupts are as after reset",
    )


def _cpu(board: Board, cpu: Cpu) -> dict[str, Any]:
    found: dict[str, Any] = {"id": cpu.id, "apic_id": cpu.apic_id}
    found["state"] = _STATES.get(cpu.activity, "off")
    if cpu.context is None:
        return found
    registers = cpu.registers
    words: dict[str, Any] = {name: hex(registers.get(name)) for name in WORDS}
    words["segments"] = {name: _segment(registers.segment(name)) for name in SEGMENTS}
    for name in TABLES:
        table = registers.segment(name)
        words[name] = {"base": hex(table.base), "limit": hex(table.limit)}
    msrs = kept(board, cpu)
    msrs[TSC] = tsc_at(board.platform, board.vmm, cpu.id, board.now_ps() // 1000)
    words["msrs"] = {hex(number): hex(value) for number, value in sorted(msrs.items())}
    return found | {"registers": words}


def _segment(segment: SegmentState) -> dict[str, str]:
    return {
        "selector": hex(segment.selector), "base": hex(segment.base),
        "limit": hex(segment.limit), "attributes": hex(segment.attributes),
    }  # fmt: skip


def summary(path: Path, data: bytes) -> str:
    """`a moment of a machine: 2 CPUs, 64 MiB, CPU 0 in 64-bit mode at 0x8000`; raises
    ImageError."""
    found = parse_moment(path, data)
    first = dict(found.cpus[0].words)
    size = sum(len(some) for _, some in found.memory)
    mode = (
        "real mode" if not first["cr0"] & 1
        else "64-bit mode" if first["efer"] & _LONG else "protected mode"
    )  # fmt: skip
    count = len(found.cpus)
    return (
        f"a moment of a machine: {count} CPU{'s' if count > 1 else ''}, "
        f"{size / (1 << 20):,.1f} MiB, CPU 0 in {mode} at {first['rip']:#x}"
    )
