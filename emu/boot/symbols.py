"""Names for addresses, and addresses of names, over all images of a machine."""

import bisect
from collections.abc import Iterator
from functools import cached_property
from operator import itemgetter
from typing import Final

from emu.boot import rust_names
from emu.boot.image import Placed

_PF_X: Final = 1
_Row = tuple[int, int, str, str]
"""(start, limit, name, image), at run addresses."""


class SymbolMap:
    """Names for run addresses over all placed images; a look-up is a bisection."""

    def __init__(self, placed: tuple[Placed, ...]) -> None:
        """Nothing is sorted before somebody asks: a kernel has 150,000 symbols."""
        self._placed = placed
        self._images = [one.name for one in placed]
        self._code = tuple(
            (start, start + part.memory_bytes)
            for one in placed
            for part in one.image.segments
            for start in {part.address + one.bias, part.address + one.bias + part.above}
            if part.flags & _PF_X
        )
        self._shown: dict[str, str] = {}

    @cached_property
    def _every(self) -> list[_Row]:
        rows = [row for item in self._placed for row in _rows(item)]
        rows.sort(key=itemgetter(0))
        return rows

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        """Name -> its addresses, ascending."""
        found: dict[str, list[int]] = {}
        for start, _, name, _ in self._every:
            places = found.get(name)
            if places is None:
                found[name] = [start]
            elif places[-1] != start:
                places.append(start)
        return found

    @cached_property
    def _by_image(self) -> dict[str, list[int]]:
        """The same of `image:name`."""
        found: dict[str, list[int]] = {}
        for start, _, name, image in self._every:
            places = found.setdefault(f"{image}:{name}", [])
            if places[-1:] != [start]:
                places.append(start)
        return found

    @cached_property
    def _mangled(self) -> list[tuple[str, str]]:
        """(name, image) of those that a Rust compiler wrote."""
        return [
            (name, image)
            for _, _, name, image in self._every
            if name[:1] == "_" and rust_names.is_mangled(name)
        ]

    @cached_property
    def _starts(self) -> list[int]:
        """Where symbols begin."""
        return sorted(self._at)

    @cached_property
    def _at(self) -> dict[int, tuple[int, str]]:
        """Where a symbol begins -> (limit, name): one name per address, the first, which is a
        function if there is one."""
        return {start: (limit, name) for start, limit, name, _ in reversed(self._every)}

    @cached_property
    def _rows(self) -> list[tuple[int, str]]:
        """(limit, name) of each of those."""
        return [self._at[start] for start in self._starts]

    @cached_property
    def _crate(self) -> str:
        """The crate that the images are of, which goes without saying."""
        return rust_names.own_crate(name for name, _ in self._mangled)

    def told(self, name: str) -> str:
        """A symbol's or function's name as it is shown."""
        if not self._mangled:
            return name
        known = self._shown.get(name)
        if known is None:
            known = rust_names.short(rust_names.readable(name), self._crate)
            self._shown[name] = known
        return known

    def is_code(self, address: int) -> bool:
        """Whether an address is in an executable segment of an image."""
        return any(first <= address < end for first, end in self._code)

    def nearest(self, address: int) -> tuple[str, int] | None:
        """(name, start) of the symbol that covers an address."""
        index = bisect.bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._rows[index][0]:
            return None
        return self.told(self._rows[index][1]), self._starts[index]

    def extent(self, address: int) -> tuple[int, int] | None:
        """[start, end) of what the symbol that covers an address names: up to the next one."""
        index = bisect.bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._rows[index][0]:
            return None
        end = self._rows[index][0]
        behind = self._starts[index + 1] if index + 1 < len(self._starts) else end
        return self._starts[index], min(end, behind)

    def beginnings(self, address: int, most: int) -> list[int]:
        """The nearest symbols at or below an address, at most so many, the nearest first."""
        index = bisect.bisect_right(self._starts, address)
        return self._starts[max(index - most, 0) : index][::-1]

    def name(self, address: int) -> str:
        """`poll+0x6`, or nothing where no symbol covers the address."""
        found = self.nearest(address)
        if found is None:
            return ""
        name, start = found
        return name if address == start else f"{name}+{address - start:#x}"

    def between(self, first: int, end: int) -> tuple[tuple[int, str], ...]:
        """(address, name) of the symbols that begin in a range, in order."""
        low = bisect.bisect_left(self._starts, first)
        high = bisect.bisect_left(self._starts, end)
        return tuple((self._starts[i], self.told(self._rows[i][1])) for i in range(low, high))

    def find(self, name: str) -> list[int]:
        """Every address of a name; `kernel:main` asks one image only. A Rust function is found
        by its last parts, `dt::parse` or `parse`, if they are one function's (see `alike`)."""
        exact = self._places(name)
        if exact is not None:
            return list(exact)
        meant = self._meant(name)
        if len(meant) != 1:
            return []
        return sorted({at for places in meant.values() for at in places})

    def alike(self, name: str) -> list[str]:
        """The functions that the last parts of a path may mean, if they are several."""
        meant = () if self._places(name) else self._meant(name)
        return sorted(meant) if len(meant) > 1 else []

    def _places(self, name: str) -> list[int] | None:
        """Where exactly that name is."""
        found = self._by_name.get(name)
        return self._by_image.get(name) if found is None and ":" in name else found

    def _meant(self, name: str) -> dict[str, list[int]]:
        """Path -> the addresses of its instances, of all Rust functions that a name may mean;
        of the one alone whose whole path it is."""
        image, colon, rest = name.partition(":")
        only = image if colon and image in self._images and rest[:1] != ":" else ""
        wanted = rest if only else name
        last, found = wanted.rpartition("::")[2], dict[str, list[int]]()
        for mangled, of in self._mangled:
            if last not in mangled or only not in ("", of):
                continue
            path = rust_names.typed(self.told(mangled))
            if rust_names.ends(rust_names.typed(rust_names.readable(mangled)), wanted):
                found.setdefault(path, []).extend(self._by_image[f"{of}:{mangled}"])
        whole = {path: places for path, places in found.items() if path == wanted}
        return whole or found

    def names(self) -> list[str]:
        """All names, sorted, as people type them: paths of Rust functions without their type
        arguments."""
        return self._names

    @cached_property
    def _names(self) -> list[str]:
        if not self._mangled:
            return sorted({*self._by_name, *self._by_image})
        return sorted({
            f"{image}{colon}{rust_names.typed(self.told(name))}"
            for key in (*self._by_name, *self._by_image)
            for image, colon, name in (self._parts(key),)
        })  # fmt: skip

    def _parts(self, key: str) -> tuple[str, str, str]:
        """(image, colon, name) of a key; nothing, nothing and name of one without an image."""
        image, colon, name = key.partition(":")
        return (image, colon, name) if colon and image in self._images else ("", "", key)


def _rows(item: Placed) -> Iterator[_Row]:
    """(start, limit, name, image) of every symbol, at run addresses; one without a size
    reaches to the end of its segment, if no other begins before."""
    ends = sorted(
        (s.address + s.above, s.address + s.above + s.memory_bytes) for s in item.image.segments
    )
    starts = [start for start, _ in ends]
    for symbol in item.image.symbols:
        limit = symbol.address + symbol.size
        if not symbol.size:
            index = bisect.bisect_right(starts, symbol.address) - 1
            limit = max(limit, ends[index][1]) if index >= 0 else limit
        yield symbol.address + item.bias, limit + item.bias, symbol.name, item.name
