"""Exits that are parts of a line of text on its way to a serial port: its bytes, and looks at
whether the next one may be sent."""

from typing import Final, NamedTuple

from emu.vmm import asked as ask
from emu.vmm.devices import serial_line
from emu.vmm.effects import Effects, SerialOut

_IO: Final = 0x1E
"""The subfunction by which a TD asks for a port (GHCI 1.5, 3)."""
_END: Final = 0x0A
_STATUS: Final = "line status"


class LinePart(NamedTuple):
    """One exit of a line."""

    line: str
    """The port's name, such as COM1."""
    byte: int | None
    """What is sent; None for a look."""

    def follows(self, before: "LinePart | None") -> bool:
        """Whether it belongs to the line of the part before it."""
        return before is not None and before.line == self.line and before.byte != _END


def line_part(asked: ask.Asked, effects: Effects) -> LinePart | None:
    """What an exit is of a line; None for all that has to do with none."""
    match asked:
        case ask.PortOut():
            return _sent(effects)
        case ask.PortIn(_, port, 1):
            return _look(port)
        case ask.Tdcall() if asked.subfunction == _IO:
            if asked.operand("r13") & 1:
                return _sent(effects)
            return _look(asked.operand("r14")) if asked.operand("r12") == 1 else None
    return None


def _sent(effects: Effects) -> LinePart | None:
    """A single byte that leaves by a serial port."""
    bytes_ = [one for one in effects if isinstance(one, SerialOut)]
    if len(bytes_) != 1:
        return None
    line = serial_line(bytes_[0].port)
    return None if line is None else LinePart(line[0], bytes_[0].byte)


def _look(port: int) -> LinePart | None:
    line = serial_line(port)
    return None if line is None or line[1] != _STATUS else LinePart(line[0], None)


def line_words(parts: list[LinePart]) -> str:
    """`COM1 'Linux version 6.9' 17 bytes, 17 looks at the line status`."""
    data = bytes(part.byte for part in parts if part.byte is not None)
    text = data.decode("utf-8", "replace").rstrip("\r\n")
    looks = len(parts) - len(data)
    told = [f"{len(data):,} byte{'s' * (len(data) != 1)}"] if data else []
    if looks:
        told.append(f"{looks:,} look{'s' * (looks != 1)} at the line status")
    said = f" {text!r}" if data else ""
    return f"{parts[0].line}{said} {', '.join(told)}"
