"""`apdbg profile --secret`, as people call it."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def apdbg(*words: str) -> subprocess.CompletedProcess[str]:
    """`apdbg profile` of the sample on two CPUs."""
    return subprocess.run(
        [sys.executable, "-m", "tui", "profile", "--cpus", "2", "--section", "cpus", *words],
        capture_output=True, text=True, cwd=ROOT, timeout=300, check=False,
    )  # fmt: skip


def test_a_secret_is_a_section_of_its_own() -> None:
    """RBX of the BSP at the reset vector is a number that nobody looks at before it is set."""
    done = apdbg("--secret", "cpu0:r15", "--json")
    found = json.loads(done.stdout)["sections"]["secrets"]
    assert (found["secret"], found["leaks"]) == ("cpu0:r15", [])
    assert "-- secrets" in apdbg("--secret", "cpu0:r15").stdout


def test_what_is_no_place_is_said_in_a_sentence() -> None:
    done = apdbg("--secret", "nowhere+4")
    assert done.returncode == 2
    assert done.stderr.startswith("apdbg: secret 'nowhere+4': nowhere: no symbol")
