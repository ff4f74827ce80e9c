"""What was measured when: `history.json` here, and docs/performance.md that is made of it."""

from datetime import date
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, field

from benchmarks.machine import Machine, machine
from benchmarks.other_tree import NoTreeError, git
from benchmarks.process import ROOT
from benchmarks.row import Row, amount

HISTORY: Final = Path(__file__).with_name("history.json")
PAGE: Final = ROOT / "docs" / "performance.md"
CHANGE: Final = 1.1
"""A figure that is so many times another one has changed."""


class Commit(Struct, frozen=True):
    """What was measured."""

    hash: str
    date: str
    subject: str


class Taken(Struct, frozen=True):
    """The newest figures of one benchmark."""

    commit: Commit
    machine: Machine
    rows: list[Row]


class Change(Struct, frozen=True):
    """A commit that changed figures: row -> cost before and after, what grows being worse."""

    commit: Commit
    costs: dict[str, tuple[float, float]] = field(default_factory=dict)


class History(Struct):
    """All that is kept."""

    taken: dict[str, Taken] = field(default_factory=dict)
    """By benchmark, in the order in which they are shown."""
    changes: list[Change] = field(default_factory=list)
    """Oldest first."""

    def add(self, commit: Commit, on: Machine, rows: list[Row]) -> None:
        """New figures take the place of those before; what differs by a tenth is a change,
        unless it is the same commit, measured again."""
        old = {
            row.key: row
            for taken in self.taken.values()
            for row in taken.rows
            if taken.commit != commit
        }
        costs = {
            row.key: (old[row.key].cost, row.cost)
            for row in rows
            if row.key in old and _comparable(old[row.key], row)
        }
        moved = {key: pair for key, pair in costs.items() if changed(*pair)}
        if moved:
            self.changes.append(Change(commit, moved))
        for name in dict.fromkeys(row.benchmark for row in rows):
            mine = [row for row in rows if row.benchmark == name]
            self.taken.pop(name, None)  # a whole run is shown in its own order
            self.taken[name] = Taken(commit, on, mine)


def _comparable(old: Row, new: Row) -> bool:
    """Whether two figures are free of how fast the machine was."""
    free = new.unit in ("bare steps", "MB", "KB", "page walks", "ms virtual")
    return old.valid and new.valid and old.unit == new.unit and (
        free or None not in (old.ratio, new.ratio)
    )  # fmt: skip


def changed(before: float, after: float) -> bool:
    """Whether a cost is another one by more than a tenth."""
    low, high = sorted((before, after))
    return high > low * CHANGE


def oldest_first(names: list[str]) -> list[str]:
    """Those that have never been taken, then the others in the order in which they were."""
    known = list(read().taken)
    new = [name for name in names if name not in known]
    return new + [name for name in known if name in names]


def read() -> History:
    """What is kept; nothing where there is no file yet."""
    if not HISTORY.is_file():
        return History()
    return msgspec.json.decode(HISTORY.read_bytes(), type=History)


def write(rows: list[Row]) -> None:
    """Add figures of the commit that is checked out, and write the page anew."""
    known = read()
    known.add(_commit(), machine(), rows)
    text = msgspec.json.format(msgspec.json.encode(known), indent=1)
    HISTORY.write_bytes(text + b"\n")
    PAGE.write_text(page(known), encoding="utf-8")


def _commit() -> Commit:
    """The commit that is checked out; where files differ from it, that is said."""
    try:
        short, day, subject = git("log", "-1", "--format=%h%n%cs%n%s").split("\n", 2)
        dirty = git("status", "--porcelain", "--untracked-files=no", "--", "emu", "tui")
    except NoTreeError:
        return Commit("", date.today().isoformat(), "without git")
    return Commit(short, day, subject + (" (and changes)" if dirty else ""))


def page(known: History) -> str:
    """docs/performance.md."""
    lines = [
        "# How fast apdbg is", "",
        "Written by `python -m benchmarks --write` from `benchmarks/history.json`; edits here",
        "are lost, and a test finds them. Figures are medians of turns: what stands beside a",
        "figure was measured in the same process (or by turns with it), so the ratio holds on",
        "other machines too. A *bare step* is one `emu_start(count=1)` of plain Unicorn and a",
        "register read. `--write --within 6` takes as many anew as six minutes allow, and the",
        "oldest figures first.", "",
    ]  # fmt: skip
    for name, taken in known.taken.items():
        lines += [f"## {name}", "", _when(taken), "", *_table(taken.rows), ""]
    lines += [
        "## Commits that changed a figure by more than a tenth", "",
        "Cost before -> after; what grows is worse.", "",
    ]  # fmt: skip
    for change in reversed(known.changes):
        lines.append(f"* `{change.commit.hash}` {change.commit.date} {change.commit.subject}")
        lines += [
            f"  * {key}: {amount(before)} -> {amount(after)}"
            for key, (before, after) in change.costs.items()
        ]
    if not known.changes:
        lines.append("None yet: the figures above are the first.")
    return "\n".join(lines) + "\n"


def _when(taken: Taken) -> str:
    commit = taken.commit
    return (
        f"Taken at `{commit.hash}` ({commit.date}, {commit.subject}) on {taken.machine.text()}."
    )


def _table(rows: list[Row]) -> list[str]:
    heads = ("what", "apdbg", "beside it", "ratio", "asked", "", "note")
    lines = [heads, tuple("---" for _ in heads), *(row.cells() for row in rows)]
    return ["| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines]
