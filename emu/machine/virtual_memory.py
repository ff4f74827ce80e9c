"""Guest memory by guest-virtual address, for the monitor: no access rights, no traces."""

from emu.hw.address import PAGE_BYTES, PAGE_MASK, Hpa
from emu.hw.context import Context
from emu.hw.nested import NestedPageTable
from emu.hw.paging import translate
from emu.machine.code import CodeReader
from emu.machine.ram import GuestRam


class VirtualMemory:
    """One CPU's view of memory through its own page tables, as it is at this moment."""

    def __init__(self, ram: GuestRam, npt: NestedPageTable, code: CodeReader) -> None:
        self._ram = ram
        self._npt = npt
        self._code = code

    def hpa(self, context: Context, gva: int) -> Hpa | None:
        """Where a byte lies in the host, None where either table has no mapping."""
        page = self._code.page(context, gva)
        return None if page is None else Hpa(page + (gva & PAGE_MASK))

    def gpa(self, context: Context, gva: int) -> int | None:
        """The guest-physical address behind a linear address; a TD's shared bit is folded
        to where the nested table has the shared view."""
        return translate(
            self._ram.memory, self._npt.hpa_of, context.get("cr0"), context.get("cr3"), gva
        )

    def read(self, context: Context, gva: int, count: int) -> bytes | None:
        """`count` bytes, None where any page of them is not mapped."""
        parts = []
        while count > 0:
            hpa = self.hpa(context, gva)
            if hpa is None:
                return None
            take = min(count, PAGE_BYTES - gva % PAGE_BYTES)
            parts.append(self._ram.memory.read(hpa, take))
            gva, count = gva + take, count - take
        return b"".join(parts)

    def most(self, context: Context, gva: int, count: int) -> bytes:
        """Bytes from a GVA up to the first page that is not mapped, at most `count`."""
        found = b""
        while len(found) < count:
            take = min(count - len(found), PAGE_BYTES - (gva + len(found)) % PAGE_BYTES)
            part = self.read(context, gva + len(found), take)
            if part is None:
                break
            found += part
        return found

    def pieces(self, context: Context, gva: int, count: int) -> list[tuple[Hpa, int]] | None:
        """The host ranges behind a guest-virtual range, None where a page is not mapped."""
        found = []
        while count > 0:
            hpa = self.hpa(context, gva)
            if hpa is None:
                return None
            take = min(count, PAGE_BYTES - gva % PAGE_BYTES)
            found.append((hpa, take))
            gva, count = gva + take, count - take
        return found
