"""Frames of inlined functions: they have none on the stack, but a person counts them."""

from msgspec.structs import replace

from emu.boot.layout import BootLayout
from emu.unwind.frame import Backtrace, Frame, line_words


def with_inlined(found: Backtrace, layout: BootLayout) -> Backtrace:
    """The frames of the stack, before each those of the functions that are inlined in it, as
    the images' debug information tells; numbered anew."""
    frames: list[Frame] = []
    for frame in found.frames:
        for one in _expanded(frame, layout):
            frames.append(replace(one, number=len(frames)))
    return replace(found, frames=tuple(frames))


def _expanded(frame: Frame, layout: BootLayout) -> list[Frame]:
    """The inlined functions of one frame from the innermost on, and the frame itself."""
    inlined = [one for one in layout.lines.functions(frame.code) if one.inlined]
    frames, entry, source = list[Frame](), frame.entry, frame.source
    for one in inlined:
        name = layout.symbols.told(one.name)
        frames.append(
            replace(
                _in(frame, source), symbol=name, entry=entry, inlined=True, cfa=None, saved=()
            )
        )
        entry, source = "inlined", (one.file, one.line) if one.file else None
    return [*frames, replace(_in(frame, source), entry=entry)]


def _in(frame: Frame, source: tuple[str, int] | None) -> Frame:
    return replace(frame, source=source, line=line_words(source))
