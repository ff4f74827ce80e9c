"""The lanes of a page: what each CPU did over virtual time, as one picture."""

from typing import Final

from emu.export.axis import WIDTH, Axis
from emu.export.escape import text
from emu.export.history import BranchHistory
from emu.export.spans import LaneSpan
from emu.export.stops import RecordedStop

LANES_MAX: Final = 128
SEGMENTS_MAX: Final = 20_000
"""Beyond these neighbours are drawn as one."""
FOLDS_TOLD: Final = 12
ROW: Final = 18
_LEAST: Final = WIDTH // 1_500
"""Units of the shortest stroke: about a pixel."""
_MARKS: Final = {
    "finding": "M{x} {y}v17", "inject": "M{x} {y}v17", "milestone": "M{x} {y}v6",
    "mailbox": "M{x} {low}v6",
}  # fmt: skip
"""By kind of stop: a finding goes through the whole lane, others stand above or below."""


def shown_cpus(history: BranchHistory) -> tuple[int, ...]:
    """The CPUs that have a lane: those with findings before others."""
    report = history.report
    ids = [cpu.id for cpu in report.cpus]
    told = {one.cpu for one in report.every_finding}
    unwell = {cpu.id for cpu in report.cpus if cpu.fate not in ("well", "not offered")}
    first = sorted(ids, key=lambda cpu: (cpu not in told, cpu not in unwell, cpu))
    return tuple(sorted(first[:LANES_MAX]))


def lanes(history: BranchHistory, spans: list[LaneSpan], axis: Axis) -> str:
    """Names, and beside them the picture, which can be drawn wider than the page."""
    cpus = shown_cpus(history)
    rows = {cpu: place for place, cpu in enumerate(cpus)}
    height = ROW * len(cpus)
    names = "".join(f"<div>cpu {cpu}</div>" for cpu in cpus)
    parts = [
        f'<div class="lanes"><div class="names">{names}</div><div class="scroll" id="scroll">'
        f'<svg id="lanes" viewBox="0 0 {WIDTH} {height}" height="{height}" '
        'preserveAspectRatio="none" role="img" '
        'aria-label="What each CPU did over virtual time; the table of stops says the same">'
    ]
    for one in axis.folds:
        left, right = axis.at(one.begin_ps), axis.at(one.end_ps)
        name = f"<title>every CPU waits for {_ms(one.end_ps - one.begin_ps)}</title>"
        parts.append(
            f'<rect class="fold" x="{left}" y="0" width="{right - left}" height="{height}">'
            f"{name}</rect>"
        )
    parts.append(
        "".join(f'<path class="base" d="M0 {_middle(row)}h{WIDTH}"/>' for row in rows.values())
    )
    parts += _strokes([span for span in spans if span.cpu in rows], rows, axis)
    parts += [_mark(one.stop, rows, axis) for one in history.stops.seen]
    parts.append(f'<path id="cursor" d="M0 0v{height}"/></svg></div></div>')
    return "".join(parts) + _legend(history, axis)


def _middle(row: int) -> int:
    return ROW * row + ROW // 2


def _strokes(spans: list[LaneSpan], rows: dict[int, int], axis: Axis) -> list[str]:
    """A path for each CPU and for each thing that it did; near ones are joined until all
    together are few enough."""
    found: dict[tuple[int, str], list[tuple[int, int]]] = {}
    for span in spans:
        ends = axis.at(span.begin_ps), axis.at(span.end_ps)
        found.setdefault((span.cpu, span.doing), []).append(ends)
    near, drawn = 0, found
    while sum(map(len, drawn.values())) > SEGMENTS_MAX or not near:
        near = max(2 * near, _LEAST // 4)
        drawn = {key: _near(some, near) for key, some in found.items()}
    return [
        f'<path class="{doing}" d="'
        + "".join(f"M{left} {_middle(rows[cpu])}h{right - left}" for left, right in some)
        + '"/>'
        for (cpu, doing), some in drawn.items()
    ]


def _near(some: list[tuple[int, int]], near: int) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for left, right in some:
        right = max(right, left + _LEAST)
        if joined and left - joined[-1][1] <= near:
            joined[-1] = joined[-1][0], max(joined[-1][1], right)
        else:
            joined.append((left, right))
    return joined


def _mark(one: RecordedStop, rows: dict[int, int], axis: Axis) -> str:
    shape = _MARKS.get(one.kind)
    if shape is None or one.cpu not in rows:
        return ""
    y = ROW * rows[one.cpu]
    place = shape.format(x=axis.at(one.virtual_ns * 1000), y=y, low=y + 11)
    return f'<path class="mark {one.kind}" d="{place}"><title>{text(one.text)}</title></path>'


def _ms(time_ps: int) -> str:
    return f"{time_ps / 1e9:,.3f} ms"


def _legend(history: BranchHistory, axis: Axis) -> str:
    keys = "".join(
        f'<span class="key {word}">{text(words)}</span>'
        for word, words in (
            ("running", "running (high)"), ("waiting", "waiting (thin)"),
            ("halted", "halted, waiting for SIPI, shut down (dotted)"),
            ("off", "off, or an exit is answered (nothing)"),
        )
    )  # fmt: skip
    missing = len(history.report.cpus) - len(shown_cpus(history))
    more = f"<p>{missing:,} more CPUs are left out here.</p>" if missing else ""
    told = [
        f"{_ms(one.end_ps - one.begin_ps)} from {_ms(one.begin_ps)} on"
        for one in axis.folds[:FOLDS_TOLD]
    ]
    folds = ""
    if told:
        rest = len(axis.folds) - len(told)
        words = ", ".join(told) + (f", and {rest:,} more" if rest else "")
        folds = f"<p>Folded (between dashed lines), as every CPU waits: {words}.</p>"
    end = _ms(history.report.virtual_ns * 1000)
    marks = (
        "A line through a whole lane is a finding or an injection, a short one at its upper "
        "end a milestone, at its lower end a write to the mailbox."
    )
    return f"<p>From power-on to {end}. {keys}</p><p>{marks}</p>{more}{folds}"
