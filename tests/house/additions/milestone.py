"""A milestone: a symbol of the guest, and what reaching it means."""

from tests.guest import boot

NEW: dict[str, str] = {}
LINES = {
    "emu/boot/roles.py": (
        (
            '        NamedPoint("kernel_done", "is done", ("online",), phase="done"),\n',
            '        NamedPoint("tea_time", "makes tea", ("waking",)),\n',
        ),
    ),
}


def uses() -> None:
    session = boot("start: nop\nnop\ntea_time: nop\nhlt")
    session.do("catch milestone tea_time")
    assert session.do("run").stop[0].kind == "catch"
    assert any("tea_time" in line for line in session.do("events milestone").reply)
    assert "when a cpu makes tea" in [moment.words for moment in session.menu().moments]
