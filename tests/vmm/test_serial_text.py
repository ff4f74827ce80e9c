"""The serial text is the bytes that were sent, whatever was saved and put back meanwhile."""

import random

from emu.vmm.serial_text import CHUNK_BYTES, SerialText


def line_of(text: bytes) -> bytes:
    """The last line by the bytes alone."""
    return text.rstrip(b"\r\n").rpartition(b"\n")[2]


def test_it_is_what_was_sent() -> None:
    dice = random.Random(7)
    text, plain = SerialText(), b""
    kept = [(text.save(), plain)]
    for _ in range(300):
        if dice.random() < 0.2:
            saved, plain = dice.choice(kept)
            text.load(saved)
        sent = dice.choice((b"a", b"\r\n", b"\n", b"x" * dice.randrange(2 * CHUNK_BYTES)))
        for byte in sent:
            text.append(byte)
        plain += sent
        assert bytes(text) == plain
        assert text.last_line() == line_of(plain)
        kept.append((text.save(), plain))


def test_what_is_saved_shares_all_but_the_newest() -> None:
    text = SerialText()
    for _ in range(100 * CHUNK_BYTES):
        text.append(0x41)
    before = text.save()
    text.append(0x42)
    after = text.save()
    assert after[0] is before[0]
    assert len(after[1]) == 1
