"""Guest memory: where each bank lies in the host, its pages' states, what the host sees."""

from typing import Final

from msgspec import Struct

from emu.hw.address import PAGE_BYTES, Gpa, Hpa, align_up, page_of
from emu.hw.memory import HostMemory
from emu.vmm.ciphertext import ciphertext
from emu.vmm.effects import PageState

SHARED_ALIAS: Final = 1 << 39
"""Where the nested table has a TD's shared pages: the engine's page walk knows 40 bits of
physical address, so the architectural shared bit 47 is folded to this one."""
_STATES: Final[tuple[PageState, ...]] = ("unaccepted", "private", "shared")


class Bank(Struct, frozen=True):
    """One contiguous range of guest-physical memory and the host memory behind it.

    A TD has two views of a page: private bytes at `hpa`, shared bytes at `shared_hpa`.
    """

    gpa: Gpa
    size: int
    hpa: Hpa
    shared_hpa: Hpa
    first_page: int
    """Index of the bank's first page among all pages."""


class GuestRam:
    """All banks; addresses are GPAs without the shared bit."""

    def __init__(
        self,
        memory: HostMemory,
        ranges: tuple[tuple[int, int], ...],
        first: Hpa,
        two_views: bool,
    ) -> None:
        self.memory = memory
        self.two_views = two_views
        banks: list[Bank] = []
        hpa, page = first, 0
        for gpa, size in ranges:
            shared = Hpa(hpa + align_up(size, PAGE_BYTES) if two_views else hpa)
            banks.append(Bank(Gpa(gpa), size, hpa, shared, page))
            hpa = Hpa(shared + align_up(size, PAGE_BYTES))
            page += size // PAGE_BYTES
        self.banks = tuple(banks)
        self._views = tuple((int(bank.gpa), bank.hpa, bank.size) for bank in banks)
        if two_views:
            self._views += tuple(
                (bank.gpa | SHARED_ALIAS, bank.shared_hpa, bank.size) for bank in banks
            )
        self.end = hpa
        self.states = bytearray(page)

    def save(self) -> bytes:
        """The pages' states, for `load`; their bytes are the undo log's."""
        return bytes(self.states)

    def load(self, saved: bytes) -> None:
        """Be again what `save` saw."""
        self.states[:] = saved

    def bank(self, gpa: int) -> Bank | None:
        """The bank that holds a GPA."""
        for bank in self.banks:
            if bank.gpa <= gpa < bank.gpa + bank.size:
                return bank
        return None

    def state(self, gpa: Gpa) -> PageState | None:
        """The state of the page at a GPA, None where there is no memory."""
        bank = self.bank(gpa)
        if bank is None:
            return None
        return _STATES[self.states[bank.first_page + (gpa - bank.gpa) // PAGE_BYTES]]

    def state_bytes(self, gpa: int, count: int) -> bytes:
        """The states of `count` pages of one bank: 0 unaccepted, 1 private, 2 shared."""
        bank = self.bank(gpa)
        assert bank is not None, f"no memory at {gpa:#x}"
        first = bank.first_page + (gpa - bank.gpa) // PAGE_BYTES
        return bytes(self.states[first : first + count])

    def page_states(self, gpa: Gpa, count: int) -> frozenset[PageState | None]:
        """The distinct states among `count` pages; None where a page has no memory."""
        found: set[PageState | None] = set()
        while count > 0:
            bank = self.bank(gpa)
            take = 1
            if bank is None:
                found.add(None)
            else:
                index = (gpa - bank.gpa) // PAGE_BYTES
                take = min(count, bank.size // PAGE_BYTES - index)
                first = bank.first_page + index
                found.update(_STATES[state] for state in set(self.states[first : first + take]))
            gpa, count = Gpa(gpa + take * PAGE_BYTES), count - take
        return frozenset(found)

    def set_state(self, bank: Bank, gpa: Gpa, count: int, state: PageState) -> None:
        """Change `count` pages of one bank."""
        first = bank.first_page + (gpa - bank.gpa) // PAGE_BYTES
        self.states[first : first + count] = bytes([_STATES.index(state)]) * count

    def hpa(self, gpa: int) -> Hpa | None:
        """Where the guest's own view of a byte lies: the shared copy of a shared page."""
        bank = self.bank(gpa)
        if bank is None:
            return None
        shared = self.state(Gpa(gpa)) == "shared"
        return Hpa((bank.shared_hpa if shared else bank.hpa) + gpa - bank.gpa)

    def guest_bytes(self, gpa: int, count: int) -> bytes | None:
        """What the guest itself would read; None where the range leaves memory."""
        if 0 < count <= PAGE_BYTES - gpa % PAGE_BYTES:
            hpa = self.hpa(gpa)
            return None if hpa is None else self.memory.read(hpa, count)
        parts = []
        while count > 0:
            hpa = self.hpa(gpa)
            if hpa is None:
                return None
            take = min(count, PAGE_BYTES - gpa % PAGE_BYTES)
            parts.append(self.memory.read(hpa, take))
            gpa, count = gpa + take, count - take
        return b"".join(parts)

    def views(self) -> tuple[tuple[int, Hpa, int], ...]:
        """(GPA, HPA, bytes) of everything that belongs to the guest, both views of a TD; the
        shared view stands at the GPA with the alias bit."""
        return self._views

    def page_at(self, hpa: int) -> Gpa | None:
        """The GPA of the guest page at a host address, None for the host's own."""
        for gpa, first, size in self._views:
            if first <= hpa < first + size:
                return Gpa(page_of(gpa + hpa - first))
        return None

    def is_secret(self, gpa: int) -> bool:
        """Whether a page belongs to a TD alone."""
        return self.two_views and self.state(Gpa(gpa)) != "shared"

    def read(self, gpa: Gpa, count: int) -> bytes | None:
        """What the host reads: ciphertext where a page is private to a TD."""
        data = self.guest_bytes(gpa, count)
        return ciphertext(gpa, data) if data is not None and self.is_secret(gpa) else data
