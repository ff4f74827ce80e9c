"""Stories: text files of commands and the lines that they must give, in this order.

`> command` carries a command out. Every other line must be found, in order, among the events it
caused and what a session in lines says to it: its answer, its stop, what was found. `@ platform
cpus` opens the machine.
"""

from pathlib import Path

import pytest

from emu import open_session
from tui.lines import Teller

STORIES = sorted((Path(__file__).parent / "stories").glob("*.story"))


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_story(story: Path) -> None:
    teller: Teller | None = None
    said: list[str] = []
    for number, line in enumerate(story.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("@"):
            platform, cpus = line[1:].split()
            teller = Teller(open_session(platform=platform, cpus=int(cpus)), said.append)
        elif line.startswith(">"):
            assert teller is not None, f"{story.name}:{number}: no machine yet"
            said.clear()
            before = len(teller.session.machine.board.logs.events)
            teller.take(line[1:])
            said[:0] = [
                f"{'host' if e.cpu is None else f'cpu {e.cpu}'}: {e.text}"
                for e in teller.session.machine.board.logs.events[before:]
            ]
        else:
            wanted = line.strip()
            found = next((i for i, text in enumerate(said) if wanted in text), None)
            assert found is not None, f"{story.name}:{number}: {wanted!r} not in {said}"
            del said[: found + 1]
