"""An alias: another word, written out in words of ours."""

from emu import open_session

NEW: dict[str, str] = {}
LINES = {
    "emu/debug/aliases.py": (
        (
            'Alias("fin", "finish"),',
            ' Alias("advance", "until"),',
        ),
    ),
}


def uses() -> None:
    from emu.debug.language import parse

    assert parse("advance mailbox_ack") == parse("until mailbox_ack")
    session = open_session(platform="none", cpus=1)
    assert session.do("?advance").reply[0] == "advance: stands for `until`"
    assert "  also: u, advance" in session.do("?until").reply
