"""What counterfactuals came to as a picture: time over CPUs, both as powers of ten, a line for
each way. The same results are the same bytes."""

from collections.abc import Iterable, Iterator
from math import ceil, floor, log2, log10
from typing import Final

from msgspec import Struct

from emu.debug.what_if_report import WayReport, WhatIf

WIDTH, HEIGHT = 840, 600
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 610, 40, 550
_ROW: Final = 15
"""Pixels that a name takes."""
_COLOURS: Final = (
    "#b2182b", "#2166ac", "#e08214", "#01665e", "#c51b7d", "#4393c3", "#8c510a", "#542788",
    "#35978f", "#d6604d", "#8073ac", "#4d4d4d",
)  # fmt: skip
_DASHES: Final = (("ipi", ""), ("mailbox", ' stroke-dasharray="6 3"'))
_OTHER_DASH: Final = ' stroke-dasharray="2 3"'
"""How lines are drawn, by the beginning of their way's name."""
_PS_PER_MS: Final = 10**9


class _Paper(Struct, frozen=True):
    """Where so many CPUs and such a time are drawn."""

    cpus: tuple[float, float]
    ms: tuple[int, int]
    """Powers of two, of ten: first and last."""

    def x(self, cpus: float) -> int:
        """From the left."""
        first, last = self.cpus
        return round(_LEFT + (log2(cpus) - first) / (last - first or 1) * (_RIGHT - _LEFT))

    def y(self, ms: float) -> int:
        """From above."""
        first, last = self.ms
        return round(_BOTTOM - (log10(ms) - first) / (last - first or 1) * (_BOTTOM - _TOP))


def svg(found: WhatIf) -> str:
    """The picture; it loads nothing from elsewhere."""
    ways = list(dict.fromkeys(one.way for one in found.ways))
    lines = {way: [one for one in found.ways if one.way == way] for way in ways}
    paper = _paper(found.ways)
    head = f"each AP: {found.own_us:,} us before it reports, {found.online_us:,} us behind"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="monospace" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(_LEFT, 22, f"virtual ms until the last CPU is online; {head}"),
        *_axes(paper, sorted({one.cpus for one in found.ways})),
    ]
    names = _apart({way: paper.y(_ms(lines[way][-1])) for way in ways})
    for way, colour in zip(ways, _colours(len(ways)), strict=True):
        parts += _line(paper, lines[way], colour, names[way])
    return "\n".join((*parts, "</svg>", ""))


def _ms(one: WayReport) -> float:
    return max(one.ps, 1) / _PS_PER_MS


def _paper(found: Iterable[WayReport]) -> _Paper:
    cpus = sorted(one.cpus for one in found)
    times = sorted(log10(_ms(one)) for one in found)
    return _Paper((log2(cpus[0]), log2(cpus[-1])), (floor(times[0]), ceil(times[-1])))


def _colours(count: int) -> Iterator[str]:
    return (_COLOURS[place % len(_COLOURS)] for place in range(count))


def _axes(paper: _Paper, counts: list[int]) -> Iterator[str]:
    for power in range(paper.ms[0], paper.ms[1] + 1):
        y = paper.y(10.0**power)
        yield f'<path d="M{_LEFT} {y}H{_RIGHT}" stroke="#dddddd"/>'
        yield _text(_LEFT - 8, y + 4, f"{10**power:,}" if power >= 0 else f"{10**power}", "end")
    for count in counts:
        x = paper.x(count)
        yield f'<path d="M{x} {_TOP}V{_BOTTOM}" stroke="#eeeeee"/>'
        yield _text(x, _BOTTOM + 18, f"{count:,}", "middle")
    yield _text((_LEFT + _RIGHT) // 2, _BOTTOM + 38, "CPUs", "middle")


def _line(paper: _Paper, some: list[WayReport], colour: str, name_y: int) -> Iterator[str]:
    places = [(paper.x(one.cpus), paper.y(_ms(one))) for one in some]
    way = some[0].way
    dash = next((dash for word, dash in _DASHES if way.startswith(word)), _OTHER_DASH)
    points = " ".join(f"{x},{y}" for x, y in places)
    yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
    yield from (f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in places)
    x, y = places[-1]
    yield f'<path d="M{x + 4} {y}L{_RIGHT + 24} {name_y}" stroke="{colour}" opacity="0.5"/>'
    yield _text(_RIGHT + 28, name_y + 4, way, colour=colour)


def _apart(wanted: dict[str, int]) -> dict[str, int]:
    """Where names stand: as near as can be to the ends of their lines, none on another."""
    order = sorted(wanted, key=lambda way: wanted[way])
    found: dict[str, int] = {}
    lowest = _TOP
    for way in order:
        lowest = found[way] = max(wanted[way], lowest)
        lowest += _ROW
    highest = _BOTTOM
    for way in reversed(order):
        highest = found[way] = min(found[way], highest)
        highest -= _ROW
    return found


def _text(x: int, y: int, words: str, anchor: str = "start", colour: str = "#222222") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{words}</text>'
