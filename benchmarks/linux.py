"""A distribution's kernel up to the line that says that its CPUs are up: M ips, beside QEMU.

The kernel is the file that APDBG_KERNEL names, or the one that `.ci/run` has unpacked; where
there is none, there are no rows. QEMU counts no instructions here, and its kernel executes
others than ours (it unpacks itself, and finds other devices): beside ours stands what the same
number of instructions in QEMU's time to the same line would be.
"""

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks import qemu
from benchmarks.process import ROOT
from benchmarks.row import Row
from benchmarks.turns import cpu_seconds
from emu import open_session

NAME: Final = "linux"
NAMED_BY: Final = "APDBG_KERNEL"
UNPACKED: Final = "build/kernel/boot"
CPUS: Final = 4
MEMORY_MIB: Final = 512
COMMAND_LINE: Final = "console=ttyS0 earlyprintk=serial,ttyS0,115200"
WANTED: Final = f"Brought up 1 node, {CPUS} CPUs"
_OPTIONS: Final = "-accel tcg,thread=single -nodefaults -display none -no-reboot -serial stdio"


def rows(quick: bool) -> Iterator[Row]:
    """By INIT and SIPI, as QEMU starts them too."""
    image = kernel()
    if image is None:
        return
    session = open_session(
        str(image), platform="linux", cpus=CPUS, memory=MEMORY_MIB, cmdline=COMMAND_LINE
    )
    took = cpu_seconds(lambda: session.do(f"until serial {WANTED}"))
    came = WANTED in session.stop[0].text
    millions = session.machine.board.tick / 1e6
    what = f"{image.name}, {CPUS} cpus, to `Brought up`"
    beside = _qemu(image) if qemu.installed() else None
    told = f"{millions:,.0f} million instructions, {took:.3g} s"
    if beside is None:
        note = f"{told}; no QEMU here"
        yield Row(NAME, what, millions / took, "M ips", note=note, valid=came)
        return
    yield Row(
        NAME, what, millions / took, "M ips", "our count in QEMU's time", millions / beside,
        note=f"{told}; QEMU {beside:.3g} s, its own count is unknown", valid=came,
    )  # fmt: skip


def kernel() -> Path | None:
    """The bzImage to boot."""
    named = os.environ.get(NAMED_BY)
    found = [Path(named)] if named else sorted((ROOT / UNPACKED).glob("vmlinuz-*"))
    return next((one for one in found if one.is_file()), None)


def _qemu(image: Path) -> float:
    """Processor seconds of a QEMU from its start to the line."""
    words = [qemu.QEMU, *_OPTIONS.split(), "-smp", str(CPUS), "-m", str(MEMORY_MIB)]
    words += ["-kernel", str(image), "-append", COMMAND_LINE]
    before = _children_s()
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None, "it was asked for"
        came = any(WANTED.encode() in line for line in process.stdout)
        process.kill()
    assert came, f"{qemu.QEMU} ended before {WANTED!r}"
    return _children_s() - before


def _children_s() -> float:
    """Processor seconds of all processes of ours that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
