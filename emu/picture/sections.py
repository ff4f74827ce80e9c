"""What the sections of a picture show, and what they look at, as frozen values.

Who makes them stands in the file of each subject; a front end needs only these."""

from typing import Final, Literal

from msgspec import Struct

from emu.hw.nested_walk import AccessKind
from emu.hw.nested_walk import NestedLevel as NestedLevel  # walks are values already
from emu.hw.nested_walk import NestedWalk as NestedWalk
from emu.hw.page_walk import PageWalk as PageWalk
from emu.mailbox.rule import COUNTING, Severity
from emu.picture.filters import told_of
from emu.profile.critical_view import CriticalPath, PathPart
from emu.profile.waterfall_view import Waterfall

Space = Literal["gva", "gpa", "hpa"]
"""Guest-virtual, guest-physical, host-physical."""
TablesMode = Literal["ranges", "tree", "diff"]
Which = Literal["live", "host", "kernel", "diff", "cpus"]
"""Whose device tree."""
ROW_BYTES: Final = 16
"""Of a hexdump."""


CpuSort = Literal["", "state", "clock", "ticks", "place", "id"]
"""What CPUs are in the order of; empty: of their numbers, or alike together where they are
many."""
Kind = tuple[str, str, str]
"""Of CPUs that are alike: the state, the function, and what they wait for with `#` where each
has something of its own."""


class CpusLook(Struct, frozen=True):
    """How the list of CPUs is looked at."""

    filter: str = ""
    """Words that a CPU must have, all of them, large or small."""
    sort: CpuSort = ""
    shape: Literal["list", "map"] = "list"
    open: frozenset[Kind] = frozenset()
    """Of what kinds every CPU has a row of its own."""


class MemoryLook(Struct, frozen=True):
    """What is looked at: an address as it was typed, so that `rsp` follows RSP."""

    where: str = "rsp"
    space: Space = "gva"
    kind: str = ""
    """`mailbox`, `table`, `vmcb`, or a struct of the image; empty: bytes alone."""


class FieldView(Struct, frozen=True):
    """One field of the structure that lies at the address."""

    offset: int
    size: int
    name: str
    value: str
    target: int | None = None
    """An address that the field holds: of a page or a table."""


class MemoryView(Struct, frozen=True):
    """A stretch of one space; `data` has None for bytes that are not mapped."""

    space: Space
    address: int
    """Of the first byte; 0 where `problem` says why there is none."""
    where: str
    kind: str
    symbol: str
    data: tuple[int | None, ...]
    changed: frozenset[int]
    """Addresses of bytes that differ from the last stop."""
    fields: tuple[FieldView, ...]
    names: tuple[tuple[int, str], ...]
    """(address, symbol) of symbols that begin in the stretch."""
    problem: str = ""


class PointerView(Struct, frozen=True, gc=False):
    """What a register points at."""

    register: str
    words: str
    code: bool
    """Whether that is code."""


class StackRow(Struct, frozen=True, gc=False):
    """A frame's head, or one word of it."""

    frame: int
    address: int
    """Of the word; of a head the code's next instruction in that frame."""
    value: int | None
    """None for a head, and for what is not mapped."""
    what: Literal["head", "return", "saved", "word", "more"]
    words: str
    code: bool = False
    """Whether the value points at code."""
    points: bool = False
    """Whether it points at anything that is known."""
    guess: bool = False
    """Whether the frame is a guess."""


class StackView(Struct, frozen=True):
    """The stack of a CPU from RSP on, frame by frame."""

    cpu: int
    frames: int
    rows: tuple[StackRow, ...]
    ending: str
    """Why there are no more frames."""


class WalkLook(Struct, frozen=True):
    """The address as it was typed, and the access that is tried."""

    where: str = "rip"
    access: AccessKind = "execute"


class WalkView(Struct, frozen=True):
    """One walk; None where `problem` says why there is none."""

    cpu: int
    where: str
    walk: PageWalk | None
    symbol: str
    cr3: int
    page_state: str
    """Of the page that the walk ends at; empty if it does not get there."""
    problem: str = ""


class TablesLook(Struct, frozen=True):
    """How the tables are looked at. `filter`: an address, or a part of a row's words. In a
    tree it is the address whose path is open, down to the table below `level`."""

    mode: TablesMode = "ranges"
    filter: str = ""
    other: int = 0
    """The CPU that is compared with."""
    level: str = ""


class TableRow(Struct, frozen=True):
    """One row: a range, or an entry of a tree at a depth."""

    depth: int
    mark: str
    """`+` only this CPU has it, `-` only the other one; else empty."""
    name: str
    """The level and index of an entry, such as `L3[001]`; empty for a range."""
    gva: int
    size: int
    target: int
    """GPA that it maps, or of the next table."""
    value: int
    entry_gpa: int
    words: str
    leaf: bool
    symbol: str
    open: bool = False


class TablesView(Struct, frozen=True):
    """The rows that a look leaves, of all that there are."""

    cpu: int
    look: TablesLook
    paging: str
    cr3: int
    users: tuple[int, ...]
    """The CPUs with this very CR3."""
    rows: tuple[TableRow, ...]
    total: int
    problem: str = ""


class NestedRange(Struct, frozen=True):
    """Guest-physical pages in a row with equal rights and state, and where they lie."""

    gpa: int
    """Without the alias bit of a TD's shared view."""
    size: int
    hpa: int | None
    """None where the table has nothing."""
    rights: str
    state: str
    accessed: int
    """Pages whose leaf has A."""
    dirty: int
    shared_view: bool
    launch: str = ""
    """How the launch laid them down: measured, unmeasured, shared, parameter or rebuilt."""


class NestedLook(Struct, frozen=True):
    """What is looked at: a GPA as it was typed, or words that a range must have."""

    where: str = ""


class PageDetail(Struct, frozen=True):
    """One page: its nested walk, and when it was written last as far as checkpoints tell."""

    walk: NestedWalk
    state: str
    shared_view: bool
    symbol: str
    written: tuple[int, int] | None
    """The last write lies after the first of these ticks, and not after the second."""
    launch: str = ""
    """How the launch laid it down, and by which directive; empty if none did."""


class NestedView(Struct, frozen=True):
    """The ranges that a look leaves, of all that there are, and the page it names."""

    look: NestedLook
    ranges: tuple[NestedRange, ...]
    written: tuple[int, ...]
    """By range: pages that were written since power-on."""
    total: int
    page: PageDetail | None


class RegionsLook(Struct, frozen=True):
    """Words that a range must have; all where empty."""

    text: str = ""


class RegionRow(Struct, frozen=True):
    """A range of memory, and who says what it is."""

    gpa: int
    size: int
    source: str
    """`loader`, `host` (its tree), `tree` (the kernel's), or `E820`."""
    name: str
    more: str = ""
    """What else is said of it."""
    depth: int = 0
    """Ranges that it lies in."""


class RegionsView(Struct, frozen=True):
    """The ranges that a look leaves, in the order of addresses, of all that there are."""

    look: RegionsLook
    rows: tuple[RegionRow, ...]
    total: int

    @property
    def told(self) -> str:
        """How many there are, and what hides the others."""
        return told_of(len(self.rows), self.total, "range", self.look.text)


class DtbLook(Struct, frozen=True):
    """Whose tree: the newest (`live`), the host's, the kernel's, or how they differ; and from
    which node on, or words that a row must have."""

    which: Which = "live"
    path: str = ""


class DtbRow(Struct, frozen=True):
    """A node or a property."""

    depth: int
    path: str
    name: str
    value: str
    """Empty for a node."""
    is_node: bool
    mark: str
    """In a difference: `+` added by the shim, `-` taken away, `~` changed."""
    gpa: int
    """Where the value, or the node's token, lies in guest memory."""
    size: int
    targets: tuple[int, ...] = ()
    """Addresses that a `reg` names, in the order of its ranges."""


class DtbView(Struct, frozen=True):
    """The rows that a look leaves, and what is wrong with the tree."""

    look: DtbLook
    which: str
    """`host` or `kernel`: whose tree the rows are of; `diff`: of both; `cpus`: the newest one's
    CPUs beside the machine's."""
    gpa: int
    size: int
    rows: tuple[DtbRow, ...]
    total: int
    broken: str
    """Where and why reading stopped, empty if the blob is whole."""
    checks: tuple[str, ...]
    """What the mailbox binding has against it."""
    problem: str = ""

    @property
    def marked(self) -> bool:
        """Whether its rows stand beside something, with a mark where they differ from it."""
        return self.which in ("diff", "cpus")


class FindingView(Struct, frozen=True):
    """A rule that was broken, and the rule's own words."""

    rule: str
    severity: Severity
    cpu: int | None
    """None: the host, or nobody."""
    tick: int
    where: str
    text: str
    """What was seen."""
    says: str
    """What must hold, and who says so, what follows if it does not, and where to look."""
    source: str
    follows: str
    look_at: str
    consequences: tuple["FindingView", ...] = ()
    """What would not have happened without it."""
    who: str = ""
    """`host`, `cpu 2`, `cpus 1-1023`: all that have it alike."""
    count: int = 1
    """How many findings it stands for."""


class FindingsView(Struct, frozen=True):
    """What the rules say of the course up to the moment that is shown."""

    rows: tuple[FindingView, ...]
    """In order of time, hints last; consequences stand under their causes."""
    rules: int
    """How many are held against it; 0: they are switched off."""
    dialect: str
    """The dialect in force and whence it is known, in words."""

    @property
    def errors(self) -> int:
        """Findings that are more than a warning."""
        return sum(one.count for one in self.rows if one.severity == "error")

    @property
    def counting(self) -> int:
        """Findings that are more than a hint."""
        return sum(one.count for one in self.rows if one.severity in COUNTING)


OFF: Final = FindingsView((), 0, "")
"""Nothing is checked."""


def size_words(size: int) -> str:
    """`4 KiB`, `2 MiB`, `1 GiB`: the largest unit that fits."""
    for unit, each in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= each and size % each == 0:
            return f"{size // each:,} {unit}"
    return f"{size:,} B"


def ascii(data: tuple[int | None, ...]) -> str:
    """The bytes as text, `.` for what cannot be seen."""
    return "".join(
        " " if byte is None else chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data
    )


class ProfileView(Struct, frozen=True):
    """One section of the profile."""

    section: str
    names: tuple[str, ...]
    """The sections that there are."""
    tick: int | None
    """Of which moment it is; None: it was not made."""
    now: bool
    """Whether that is the moment that is shown."""
    waterfall: Waterfall | None
    path: CriticalPath | None
    busy: tuple[tuple[int, int], ...]
    """The stretches, in nanoseconds, in which some AP is on its way to be online."""
    longest_ns: int
    """The longest way of any of them, without waiting."""
    stays: tuple[tuple[PathPart, ...], ...]
    """The path, CPU after CPU."""
    rows: tuple[str, ...]
    """Any other section as text."""
