"""How long it takes until a large file is there, and until its first line of source is.

Beside them stands what everybody has at hand: pyelftools' own reading of the same file, and
the bare reading of its bytes. An image of 8 MB with debug information, and a kernel of 60 MB.
"""

import io
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from benchmarks import process
from benchmarks.row import Row, Target
from benchmarks.turns import in_turns

NAME: Final = "opening"
UNITS: Final = 250
"""Of the image with debug information: 8 MB."""
KERNEL_UNITS: Final = 1_500
KERNEL_PADDING: Final = 8 << 20
OPEN: Final = Target(most=0.3)
NEW: Final = Target(most=2.0)
SEEN: Final = Target(most=0.5)
KERNEL: Final = Target(most=3.0)
MEMORY: Final = Target(most=400)
TURNS: Final = 5
OPENED: Final = """
import os, sys, time
os.environ["XDG_CACHE_HOME"] = sys.argv[3]
from emu import open_session
began = time.process_time()
session = open_session(sys.argv[1], cpus=1, memory=512, platform=sys.argv[2])
print(time.process_time() - began)
place = session.machine.board.layout.placed[0]
address = place.image.symbols[len(place.image.symbols) // 2].address + place.bias
began = time.process_time()
line = session.machine.board.layout.lines.line_of(address)
assert line is not None and line[0].startswith("unit")
assert session.machine.board.layout.lines.functions(address + 20)[0].inlined
print(time.process_time() - began)
"""


def rows(quick: bool) -> Iterator[Row]:
    """Fresh interpreters; the cache is empty for what is new, and kept for what was seen."""
    units, kernel_units = (40, 60) if quick else (UNITS, KERNEL_UNITS)
    with tempfile.TemporaryDirectory() as folder:
        plain, kernel = Path(folder, "image.elf"), Path(folder, "vmlinux")
        written(plain, f"image({units})")
        written(kernel, f"image({kernel_units}, padding={KERNEL_PADDING}, kernel=True)")
        yield from _of(plain, "none", OPEN, "image of 8 MB", 1 if quick else TURNS, folder)
        yield from _of(kernel, "linux", KERNEL, "kernel of 60 MB", 1 if quick else 3, folder)


def written(file: Path, call: str) -> None:
    """Write an image, in another process: whoever measures memory has to be small."""
    words = "import sys; from benchmarks.large_image import image; from pathlib import Path; "
    words += f"Path(sys.argv[1]).write_bytes({call})"
    assert process.run("-c", words, str(file)).code == 0


def _of(
    file: Path, platform: str, target: Target, what: str, times: int, folder: str
) -> Iterator[Row]:
    """Opening, the first line when new, and when seen before; and the memory of it all."""
    memory: list[float] = []

    def measured(which: int, cache: str) -> float:
        done = process.run("-c", OPENED, str(file), platform, cache, cache=folder)
        assert done.code == 0
        memory.append(done.peak_mb)
        return float(done.output.split()[which])

    def new() -> float:
        with tempfile.TemporaryDirectory() as fresh:
            return measured(1, fresh)

    size = f"{file.stat().st_size / 1e6:.0f} MB"
    opened = in_turns(lambda: measured(0, folder), _timed(lambda: _headers(file)), times)
    yield Row.of_turns(NAME, f"open, {what}", opened, "s", "pyelftools: headers, symbols",
                       target=target, note=size)  # fmt: skip
    line = in_turns(new, _timed(lambda: _line_by_library(file)), times)
    yield Row.of_turns(NAME, f"first line of source, {what}, new", line, "s",
                       "pyelftools: units, one line table", target=NEW)  # fmt: skip
    seen = in_turns(lambda: measured(1, folder), _timed(file.read_bytes), times)
    yield Row.of_turns(NAME, f"first line of source, {what}, seen before", seen, "s",
                       "read its bytes", target=SEEN)  # fmt: skip
    note = "with the guest's"
    yield Row(NAME, f"memory, {what}", max(memory), "MB", target=MEMORY, note=note)


def _timed(work: Callable[[], object]) -> Callable[[], float]:
    def run() -> float:
        began = time.process_time()
        work()
        return time.process_time() - began

    return run


def _headers(file: Path) -> int:
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    elf = ELFFile(io.BytesIO(file.read_bytes()))
    table = elf.get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection)
    return len(list(table.iter_symbols()))


def _line_by_library(file: Path) -> int:
    """Where the units are, and the rows of the one in the middle."""
    from elftools.elf.elffile import ELFFile

    dwarf = ELFFile(io.BytesIO(file.read_bytes())).get_dwarf_info()
    units = [(unit, unit.get_top_DIE().attributes) for unit in dwarf.iter_CUs()]
    unit = units[len(units) // 2][0]
    program = dwarf.line_program_for_CU(unit)
    assert program is not None
    return len(program.get_entries())
