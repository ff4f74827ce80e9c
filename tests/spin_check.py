"""Runs SPIN on `docs/mailbox.pml` for every order of loads and both acks, and compares what it
finds with the table of `docs/mailbox_orders.md`.

Run as `python -m tests.spin_check` by `.ci/run`; pytest does not collect it, since `spin` and
`gcc` are not something that `make test` may ask for.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.mailbox.orders import ORDERS
from tests.mailbox.orders_table import verdicts

MODEL: Final = Path(__file__).parents[1] / "docs" / "mailbox.pml"
APS: Final = 3


def run(words: tuple[str, ...], folder: str) -> str:
    """What a program says; it must end well."""
    return subprocess.run(
        words, cwd=folder, capture_output=True, text=True, timeout=300, check=True
    ).stdout


def verdict(loop: int, ack_bits: int) -> tuple[str, int]:
    """(`holds` or `refuted`, states) by an exhaustive search."""
    with tempfile.TemporaryDirectory() as folder:
        given = (f"-DN={APS}", f"-DLOOP={loop}", f"-DQACK={int(ack_bits == 64)}")
        run(("spin", "-a", *given, str(MODEL)), folder)
        run(("gcc", "-O2", "-DVECTORSZ=2048", "-o", "pan", "pan.c"), folder)
        said = run(("./pan",), folder)
    errors, states = re.search(r"errors: (\d+)", said), re.search(r"(\d+) states, stored", said)
    assert errors is not None and states is not None, said
    assert "max search depth too small" not in said, said
    return "refuted" if int(errors[1]) else "holds", int(states[1])


def main() -> int:
    """A line for each; 1 if one is not as the table says."""
    bad = 0
    for loop, order in enumerate(ORDERS):
        for ack_bits in (16, 64):
            wanted = verdicts()[order, ack_bits]
            found, states = verdict(loop, ack_bits)
            bad += found != wanted
            print(f"spin, {order}, ack of {ack_bits} bits: {found} ({states:,} states)"
                  f"{'' if found == wanted else f', the table says {wanted}'}")  # fmt: skip
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
