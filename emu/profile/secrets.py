"""Whether a secret can be seen: courses that differ in it alone are held against each other.

From where the machine stands it runs several times, each time with another value in the place
of the secret. Where a CPU takes another way, touches another place, leaves the guest otherwise,
or hands another value to the host, that depends on the secret.
"""

from collections.abc import Callable, Iterator, Sequence
from textwrap import wrap
from typing import Final, Literal

from msgspec import Struct

from emu.boot.disasm import Instruction
from emu.errors import CommandError
from emu.given.plain import shown
from emu.hw.address import PAGE_BYTES
from emu.judge.judge import where
from emu.judge.waiting import instruction_at
from emu.machine.machine import Machine
from emu.machine.ram import SHARED_ALIAS
from emu.profile.shown import REGISTERS, CpuSights, ShownSights, Sight
from emu.timeline.chooser import Timed
from emu.timeline.root import Root, root_at
from emu.timeline.timeline import Timeline
from emu.vmm.asked_words import describe
from emu.words.place import MemoryPlace, Place, place, put, value

LeakBy = Literal["branch", "address", "exit", "register", "memory"]
LEAKS_MAX: Final = 64
_ORDERS: Final[tuple[Literal["little", "big"], ...]] = ("little", "big")
REGISTER_BYTES: Final = 8
_MIXED: Final = 0x9D
"""Times a place, modulo 256, it gives each of 256 places a byte of its own."""
WIDTH: Final = 80
"""Columns of what is told."""
MISSES: Final = (
    "what all of these values do alike, or what shows behind the end",
    "how long an instruction takes, and what caches and predictors keep",
    "on a CPU that has gone another way, all that it does from there on",
    "a page that is given to the host with the secret already in it",
    "where PREFETCH, CLFLUSH and INVLPG point to",
)
"""What this cannot see."""


class Leak(Struct, frozen=True):
    """One instruction by which the secret can be seen. `tick` is that of the first course."""

    by: LeakBy
    cpu: int
    tick: int
    code: str
    """The instruction, empty where there is none."""
    place: str
    """Where it is, with its line of source."""
    text: str
    """What is seen: one sentence."""
    behind: bool
    """The CPU comes to it behind another CPU's other way, and may only follow that."""

    def lines(self) -> Iterator[str]:
        """What is seen, the instruction's place, and how."""
        yield f"{self.by}: cpu {self.cpu}, tick {self.tick:,}" + (
            f", `{self.code}`" if self.code else ""
        )
        yield f"    {self.place}"
        follows = "; perhaps only behind another CPU's other way" if self.behind else ""
        yield from wrap(
            self.text + follows, WIDTH, initial_indent="    ", subsequent_indent="    ",
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip


class Secrets(Struct, frozen=True):
    """What can be seen of a secret."""

    secret: str
    bytes: int
    courses: int
    """How many values were tried beside its own."""
    ticks: int
    """Instructions of the first course."""
    leaks: tuple[Leak, ...]
    more: int
    """Instructions beyond those, by which it can be seen, too."""
    misses: tuple[str, ...] = MISSES

    def lines(self) -> tuple[str, ...]:
        """Each of them, and what could not be seen."""
        head = (
            f"{self.secret}, {self.bytes:,} bytes: {self.courses} other values, "
            f"{self.ticks:,} instructions each"
        )
        rows = [row for one in self.leaks for row in one.lines()]
        if self.more:
            rows.append(f"and {self.more:,} more instructions by which it can be seen")
        found = rows or ["nothing that can be seen depends on it"]
        return (head, *found, *(f"    not seen: {one}" for one in self.misses))


def secrets(machine: Machine, timeline: Timeline, text: str, until_tick: int) -> Secrets:
    """What can be seen of the secret in a place, from now up to a tick; the machine comes back
    to where it is. The place is `GPA+BYTES`, or as `set` takes it. Raises CommandError."""
    named = secret_places(machine, text)
    some = [value(machine, one) for one in named]
    if None in some:
        raise CommandError(f"secret: {text}: its CPU has not started")
    size = sum(map(_size, named))
    own = _joined(named, [one or 0 for one in some])
    with root_at(timeline) as root:
        begun = machine.board.tick
        first, ticks = _course(root, named, own, until_tick)
        others = others_than(own, size)
        found: dict[tuple[LeakBy, int, int, int], Leak] = {}
        for one in others:
            course, _ = _course(root, named, one, until_tick)
            values = own.to_bytes(size, "little"), one.to_bytes(size, "little")
            for key, leak in _Compared(machine, first, course, values).leaks():
                found.setdefault(key, leak)
        root.back()
    leaks = sorted(found.values(), key=lambda one: (one.tick, one.cpu))
    return Secrets(
        text,
        size,
        len(others),
        ticks - begun,
        tuple(leaks[:LEAKS_MAX]),
        max(0, len(leaks) - LEAKS_MAX),
    )


def secret_places(machine: Machine, text: str) -> tuple[Place, ...]:
    """What `--secret` names: `0x408000+32` is guest memory, page by page."""
    cpu = machine.board.cpus[0]
    address, plus, count = text.rpartition("+")
    is_gpa = plus and not text.startswith("cpu") and ":" not in text and "/" not in text
    try:
        if not is_gpa:
            return (place(machine, cpu, text),)
        whole = place(machine, cpu, f"gpa:{address}/{count}")
        assert isinstance(whole, MemoryPlace), "it has an address"
        return tuple(place(machine, cpu, piece) for piece in _pieces(whole))
    except CommandError as wrong:
        raise CommandError(f"secret {shown(text)}: {wrong}") from None


def _pieces(whole: MemoryPlace) -> Iterator[str]:
    """Each page's part of it, in words."""
    end, at = whole.address + whole.size, whole.address
    while at < end:
        size = min(end - at, PAGE_BYTES - at % PAGE_BYTES)
        yield f"gpa:{at:#x}/{size}"
        at += size


def _size(one: Place) -> int:
    return one.size if isinstance(one, MemoryPlace) else REGISTER_BYTES


def _joined(named: Sequence[Place], values: Sequence[int]) -> int:
    """All pieces as one number, the first lowest."""
    parts = (one.to_bytes(_size(at), "little") for at, one in zip(named, values, strict=True))
    return int.from_bytes(b"".join(parts), "little")


def _put(machine: Machine, named: Sequence[Place], secret: int) -> None:
    """Have another secret there."""
    for one in named:
        put(machine, one, secret & (1 << 8 * _size(one)) - 1)
        secret >>= 8 * _size(one)


def others_than(own: int, size: int) -> tuple[int, ...]:
    """Other values: bytes that tell their places, each bit another one, none, all, one more."""
    full = (1 << 8 * size) - 1
    places = int.from_bytes(bytes(_MIXED * at + 1 & 0xFF for at in range(size)), "little")
    tried = (own ^ places, own ^ full, 0, full, (own + 1) & full)
    return tuple(dict.fromkeys(one for one in tried if one != own))


def _course(
    root: Root, named: Sequence[Place], secret: int, until_tick: int
) -> tuple[ShownSights, int]:
    """What can be seen of the course with one value, and the tick at its end."""
    root.back()
    board, shown = root.machine.board, ShownSights()
    _put(root.machine, named, secret)
    board.look_at(shown)
    ran = root.run(Timed(), until_tick)
    board.look_at()
    if shown.full:
        raise CommandError(
            f"secret: there is more to see than {shown.count:,} sights: end earlier"
        )
    return shown, ran.end.tick


class _Compared:
    """Two courses, side by side."""

    def __init__(
        self,
        machine: Machine,
        first: ShownSights,
        other: ShownSights,
        secrets: tuple[bytes, bytes],
    ) -> None:
        self._machine, self._first, self._other = machine, first, other
        self._secrets = secrets
        self._apart = self._first_apart()

    def leaks(self) -> Iterator[tuple[tuple[LeakBy, int, int, int], Leak]]:
        """(what tells it from others, the leak): of each CPU and instruction the first."""
        for cpu in sorted(self._first.cpus.keys() | self._other.cpus.keys()):
            mine = self._first.cpus.get(cpu, CpuSights())
            yours = self._other.cpus.get(cpu, CpuSights())
            for index in range(min(len(mine), len(yours))):
                one, two = mine[index], yours[index]
                if one.kind == two.kind and one[1:3] == two[1:3]:
                    continue
                leak, at = self._told(cpu, mine, index, one, two)
                yield (leak.by, cpu, at, one.place if one.kind == "shows" else 0), leak
                if _parted(one, two):
                    break

    def _first_apart(self) -> tuple[int, int] | None:
        """(tick, CPU) of the first other way."""
        found = []
        for cpu, mine in self._first.cpus.items():
            yours = self._other.cpus.get(cpu, CpuSights())
            for index in range(min(len(mine), len(yours))):
                if _parted(mine[index], yours[index]):
                    found.append((mine[index].tick, cpu))
                    break
        return min(found, default=None)

    def _told(
        self, cpu: int, mine: CpuSights, index: int, one: Sight, two: Sight
    ) -> tuple[Leak, int]:
        """The leak, and the linear address of its instruction."""
        by, text = _HOW[one.kind] if one.kind == two.kind else _HOW["code"]
        at = mine[index - 1].at if by == "branch" and index else one.at
        words = text(self, one, two)
        behind = self._apart is not None and self._apart[1] != cpu and self._apart[0] < one.tick
        place = where(self._machine, at)
        return Leak(by, cpu, one.tick, self._code(cpu, at), place, words, behind), at

    def _code(self, cpu: int, at: int) -> str:
        code: Instruction | None = instruction_at(
            self._machine, self._machine.board.cpus[cpu], at
        )
        return "" if code is None else f"{code.mnemonic} {code.operands}".rstrip()

    def goes(self, one: Sight, two: Sight) -> str:
        """Words for another way."""
        if (one.kind, two.kind) != ("code", "code"):
            mine, yours = self._does(self._first, one), self._does(self._other, two)
            return f"it {mine}; with another secret it {yours}"
        ways = [where(self._machine, sight.at) for sight in (one, two)]
        return f"it goes on at {ways[0]}; with another secret at {ways[1]}"

    def _does(self, course: ShownSights, one: Sight) -> str:
        """What a CPU does next, where another course has something else."""
        match one.kind:
            case "code":
                return f"goes on at {where(self._machine, one.at)}"
            case "load":
                return f"loads from {self._gpa(one.place):#x}"
            case "exit":
                return f"leaves the guest for {describe(course.asked[one.place])}"
            case "shows":
                return f"shows the host {REGISTERS[one.place]}"
        return f"stores to {self._gpa(one.place):#x}"

    def touches(self, one: Sight, two: Sight) -> str:
        """Words for another address."""
        gpas = [self._gpa(sight.place) for sight in (one, two)]
        does, which = ("loads", "from") if one.kind == "load" else ("stores", "to")
        return f"it {does} {which} {gpas[0]:#x}; with another secret {which} {gpas[1]:#x}"

    def asks(self, one: Sight, two: Sight) -> str:
        """Words for another exit."""
        asked = self._first.asked[one.place], self._other.asked[two.place]
        return (
            f"it leaves the guest for {describe(asked[0])}; with another secret for "
            f"{describe(asked[1])}"
        )

    def shows(self, one: Sight, two: Sight) -> str:
        """Words for another register."""
        return f"it shows the host {self._held(one, two)} in {REGISTERS[one.place]}"

    def stores(self, one: Sight, two: Sight) -> str:
        """Words for another value."""
        return (
            f"it stores {self._held(one, two)} at {self._gpa(one.place):#x}, where the host "
            "can read it"
        )

    def _held(self, one: Sight, two: Sight) -> str:
        """What goes to the host: a value, and which bytes of the secret that are."""
        found = carried(self._secrets, (one.value, two.value))
        return f"{one.value:#x}, {found or 'which depends on the secret,'}"

    def _gpa(self, hpa: int) -> int:
        page = self._machine.board.ram.page_at(hpa)
        return hpa if page is None else (page & ~SHARED_ALIAS) + hpa % PAGE_BYTES


def carried(secrets: tuple[bytes, bytes], values: tuple[int, int]) -> str:
    """Which bytes of a secret a value is, in two courses alike; empty if it is none."""
    for size in (8, 4, 2, 1):
        if max(values) >> 8 * size:
            break
        for order in _ORDERS:
            mine, yours = (value.to_bytes(size, order) for value in values)
            at = secrets[0].find(mine)
            while at >= 0 and secrets[1][at : at + size] != yours:
                at = secrets[0].find(mine, at + 1)
            if at >= 0:
                which = f"byte {at}" if size == 1 else f"bytes {at} to {at + size - 1}"
                turned = " in reverse" if size > 1 and order == "big" else ""
                return f"{which} of the secret{turned},"
    return ""


def _parted(one: Sight, two: Sight) -> bool:
    """Whether two CPUs go other ways from here on."""
    return one.kind != two.kind or (one.kind == "code" and one.place != two.place)


_HOW: Final[dict[str, tuple[LeakBy, Callable[[_Compared, Sight, Sight], str]]]] = {
    "code": ("branch", _Compared.goes), "load": ("address", _Compared.touches),
    "store": ("address", _Compared.touches), "exit": ("exit", _Compared.asks),
    "shows": ("register", _Compared.shows), "value": ("memory", _Compared.stores),
}  # fmt: skip
