"""Which loops look at which pages: stores to these are seen while somebody waits there."""

from collections.abc import Iterable, Sequence

from emu.hw.address import Gpa, Hpa
from emu.machine.lap import Loop
from emu.machine.ram import GuestRam
from emu.machine.tracked import TrackedPages
from emu.machine.wait_group import WaitGroup


class WaitedPages:
    """The groups that look at each page; made anew of the groups, whatever these were."""

    def __init__(self, ram: GuestRam, tracked: TrackedPages) -> None:
        self._ram, self._tracked = ram, tracked
        self._groups: dict[Gpa, list[WaitGroup]] = {}

    def load(self, groups: Iterable[WaitGroup]) -> None:
        """These wait; which pages are watched is that of tracked pages."""
        self._groups = {}
        for group in groups:
            for page in self._pages_of(group.loop):
                self._groups.setdefault(page, []).append(group)

    def watch(self, group: WaitGroup) -> None:
        """Stores to what a group looks at are seen."""
        for page in self._pages_of(group.loop):
            watchers = self._groups.setdefault(page, [])
            if not watchers:
                self._tracked.add(page, "wait")
            watchers.append(group)

    def unwatch(self, group: WaitGroup, loop: Loop) -> None:
        """A group no longer looks at what a loop does."""
        for page in self._pages_of(loop):
            watchers = self._groups[page]
            watchers.remove(group)
            if not watchers:
                del self._groups[page]
                self._tracked.remove(page, "wait")

    def groups(self, hpa: Hpa) -> Sequence[WaitGroup]:
        """The groups that look at bytes of the page at a host address: those that look at
        these bytes are among them."""
        page = self._ram.page_at(hpa)
        return () if page is None else self._groups.get(page, ())

    def _pages_of(self, loop: Loop) -> list[Gpa]:
        pages = {self._ram.page_at(hpa) for hpa, _ in loop.watched}
        return [page for page in pages if page is not None]
