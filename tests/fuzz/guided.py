"""`python -m tests.fuzz.guided KIND SECONDS`: the edits of a kind, kept by atheris where they
reach code that none before them did. Without atheris: `python -m tests.fuzz` draws as many."""

import importlib.util
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

FOLDERS = ("emu.given", "emu.boot", "emu.debug", "emu.words", "emu.inject", "tui")
"""Whose code counts as reached."""


def main(name: str, seconds: str) -> None:
    """Until the time is up, or a case fails: atheris writes that one to a file and says so."""
    if importlib.util.find_spec("atheris") is None:
        sys.exit("atheris is not installed: pip install 'apdbg[fuzz]'")
    import atheris

    with atheris.instrument_imports(include=list(FOLDERS)):
        from tests.fuzz.case import edited
        from tests.fuzz.kinds import KINDS
        from tests.fuzz.promise import judged

    kind = KINDS[name]
    seeds = kind.seeds()
    others = tuple(seeds.values())
    folder = Path(tempfile.mkdtemp(prefix="apdbg-guided-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, data in enumerate(others):
        (corpus / str(number)).write_bytes(data)

    def change(data: bytes, size: int, seed: int) -> bytes:
        return edited(data, kind.edits(Random(seed), data, others))[:size]

    def one(data: bytes) -> None:
        found = judged(kind, lambda: kind.door(kind.seal(data), Random(data), folder))
        if found.became == "failed":
            raise RuntimeError(f"{found.where}\n{found.words}")

    words = [sys.argv[0], str(corpus), f"-max_total_time={seconds}", "-max_len=300000"]
    mutator: Any = change
    atheris.Setup(words, one, custom_mutator=mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
