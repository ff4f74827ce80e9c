"""A few of the day's files given to the program as a process of its own, with bounds of the
system: an exit code that is documented, one sentence, no traceback."""

import resource
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.fuzz.kinds import KINDS, ROOT
from tests.shard import DAY, breadth

SECONDS_MAX: Final = 10
"""Of the processor: 5 for the file, and as many for the start where nothing is compiled."""
ADDRESSES_MAX: Final = 1 << 30
"""Bytes of addresses: what is reserved and never touched counts, too."""
WORDS: Final[dict[str, tuple[str, ...]]] = {
    "image": ("run", "FILE", "--max-ticks", "3000"),
    "kernel": ("run", "--kernel", "FILE", "--max-ticks", "3000"),
    "initrd": ("run", "--initrd", "FILE", "--max-ticks", "3000"),
    "tree": ("run", "--host-dtb", "FILE", "--max-ticks", "3000"),
    "platform": ("run", "--platform", "FILE", "--cpus", "2", "--max-ticks", "3000"),
    "recording": ("replay", "FILE", "--check"),
    "script": ("run", "--script", "FILE", "--max-ticks", "3000", "--cpus", "2"),
}
"""Kind -> the command line; the other kinds need a screen, or boot hundreds of machines."""
EACH: Final = 4


def _bounds() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_MAX, SECONDS_MAX))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES_MAX, ADDRESSES_MAX))


@pytest.mark.parametrize("number", breadth(range(EACH), keep=1))
@pytest.mark.parametrize("name", WORDS)
def test_a_process_ends_with_a_code_that_is_documented(
    name: str, number: int, tmp_path: Path
) -> None:
    kind = KINDS[name]
    place = tmp_path / "given"
    place.write_bytes(kind.data(kind.case(DAY, number)))
    words = [str(place) if word == "FILE" else word for word in WORDS[name]]
    done = subprocess.run(
        [sys.executable, "-m", "tui", *words],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}, check=False,
        capture_output=True, timeout=120, preexec_fn=_bounds,
    )  # fmt: skip
    said = done.stderr.decode()
    assert done.returncode in (0, 1, 2), said
    assert "Traceback" not in said
    assert done.returncode != 2 or (said.startswith("apdbg: ") and said.count("\n") == 1), said
