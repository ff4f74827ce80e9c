"""What the guest has sent through its serial port, kept so that a checkpoint costs the same
after a megabyte as after a line."""

from typing import Final

CHUNK_BYTES: Final = 4096
"""What is whole is shared by all checkpoints; each copies what is behind it."""
SavedText = tuple[tuple[bytes, ...], bytes]


class SerialText:
    """Bytes that only grow, but for going back."""

    __slots__ = ("_tail", "_whole")

    def __init__(self) -> None:
        self._whole: tuple[bytes, ...] = ()
        self._tail = bytearray()

    def __bytes__(self) -> bytes:
        """All of it."""
        return b"".join((*self._whole, self._tail))

    def append(self, byte: int) -> None:
        """One more byte was sent."""
        self._tail.append(byte)
        if len(self._tail) == CHUNK_BYTES:
            self._whole = (*self._whole, bytes(self._tail))
            self._tail = bytearray()

    def last_line(self) -> bytes:
        """The line that was ended last, without its end; the one begun if none was ended."""
        text, place = bytes(self._tail), len(self._whole)
        while b"\n" not in text.rstrip(b"\r\n") and place:
            place -= 1
            text = self._whole[place] + text
        return text.rstrip(b"\r\n").rpartition(b"\n")[2]

    def save(self) -> SavedText:
        """Everything, for `load`."""
        return self._whole, bytes(self._tail)

    def load(self, saved: SavedText) -> None:
        """Be again what `save` saw."""
        self._whole, self._tail = saved[0], bytearray(saved[1])
