"""A topic: words that there are, and what each of them means."""

from emu import open_session

NEW: dict[str, str] = {}
LINES = {
    "emu/debug/topics.py": (
        (
            "    return tuple(rows)\n",
            "\n\ndef _platforms(desk: Desk) -> Mapping[str, Lines]:\n"
            "    name = desk.machine.board.platform.name\n"
            '    return {name: (f"{name}: the platform of this machine",)}\n',
        ),
        ("_of(_sets),", " _of(_platforms),"),
    ),
}


def uses() -> None:
    session = open_session(platform="vbs", cpus=1)
    assert "vbs: the platform of this machine" in session.do("?vbs").reply
