"""A reason to stop: what it knows, and its sentence."""

from tests.guest import boot

NEW: dict[str, str] = {}
LINES = {
    "emu/picture/stop.py": (
        ('"travel", "entered",', ' "bell",'),
        (
            '            case "beginning":\n'
            '                return "nothing stopped before: this is the beginning"\n',
            '''

class Rang(Stop, frozen=True):
    """A bell rang so many times."""

    kind: ClassVar[StopKind] = "bell"

    times: int

    @property
    def text(self) -> str:
        """One sentence."""
        return f"the bell rang {self.times} times"
''',
        ),
    ),
}


def uses() -> None:
    from emu.picture.stop import Rang

    session = boot("nop\nhlt")
    session.desk.stop = (Rang(0, 3),)
    stop = session.view().stop[0]
    assert (stop.kind, stop.text) == ("bell", "the bell rang 3 times")
