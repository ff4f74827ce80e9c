"""Stories: text files of commands and the lines that they must give, in this order.

`> command` carries a command out. Every other line must be found, in order, among what it
says: stop reasons, its answer, and the events it caused. `@ platform cpus` opens the machine.
"""

from pathlib import Path

import pytest

from emu import Session, open_session
from emu.errors import CommandError

STORIES = sorted((Path(__file__).parent / "stories").glob("*.story"))


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_story(story: Path) -> None:
    session: Session | None = None
    said: list[str] = []
    for number, line in enumerate(story.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("@"):
            platform, cpus = line[1:].split()
            session = open_session(platform=platform, cpus=int(cpus))
        elif line.startswith(">"):
            assert session is not None, f"{story.name}:{number}: no machine yet"
            said = _carry_out(session, line[1:].strip())
        else:
            wanted = line.strip()
            found = next((i for i, text in enumerate(said) if wanted in text), None)
            assert found is not None, f"{story.name}:{number}: {wanted!r} not in {said}"
            said = said[found + 1 :]


def _carry_out(session: Session, words: str) -> list[str]:
    before = len(session.machine.board.logs.events)
    try:
        view = session.do(words)
    except CommandError as error:
        return [f"error: {error}"]
    events = [
        f"{'host' if e.cpu is None else f'cpu {e.cpu}'}: {e.text}"
        for e in session.machine.board.logs.events[before:]
    ]
    return [*view.reply, *events, *(stop.text for stop in view.stop)]
