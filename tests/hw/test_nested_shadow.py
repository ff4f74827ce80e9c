"""The shadow nested table lets the emulated MMU do what a model allows, less the withheld.

Random edits of a `NestedPageTable` and of three sets that say in plain words what is withheld;
then every page is read, written and fetched from by a guest without paging.
"""

from functools import cache
from typing import Final, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct, field

from emu.hw.address import Gpa, Gva, Hpa, page_of
from emu.hw.nested import NestedPageTable
from emu.hw.nested_walk import AccessKind, walk_nested
from emu.hw.paging import PagingRules
from tests.hw.mmu import CODE, FETCHED, GUEST, STORED, TABLES, Mmu, Outcome

CASES: Final = 500
RULES: Final = PagingRules(0x33, 0, 0, 0, 0, False)
FIRST: Final = 0x1FE000
"""The pages lie on both sides of a 2 MiB border, so in two leaf tables."""
PAGES: Final = 4
_HOMES: Final = 8
_CHANGES: Final = (
    "map", "map read-only", "map no execute", "unmap", "protect", "unprotect", "block",
    "seal", "lift", "lend", "reclaim",
)  # fmt: skip
_ERRORS: Final[dict[AccessKind, int]] = {"read": 4, "write": 6, "execute": 0x14}
EDITS: Final = st.lists(
    st.tuples(st.sampled_from(_CHANGES), st.integers(0, PAGES - 1), st.integers(1, PAGES)),
    max_size=12,
)


class Said(Struct):
    """What was asked for, in the order asked: page number -> (host page, rights)."""

    mapped: dict[int, tuple[int, str]] = field(default_factory=dict)
    protected: set[int] = field(default_factory=set)
    blocked: set[int] = field(default_factory=set)
    lent: set[int] = field(default_factory=set)
    sealed: bool = False
    lifted: set[int] = field(default_factory=set)

    def by_model(self, page: int, access: AccessKind) -> bool:
        """Whether the model lets an access through."""
        rights = self.mapped[page][1] if page in self.mapped else ""
        return access[0] in rights

    def by_shadow(self, page: int, access: AccessKind) -> bool:
        """Whether the guest gets through without an exit."""
        if not self.seen(page):
            return False
        held = page in self.protected or (self.sealed and page not in self.lifted)
        free = access != "execute" or page in self.lent or self.by_model(page, access)
        return free and not (access == "write" and (held or not self.by_model(page, access)))

    def seen(self, page: int) -> bool:
        """Whether the shadow has the page at all: no-execute pages only while lent."""
        if page not in self.mapped or page in self.blocked:
            return False
        return self.by_model(page, "execute") or page in self.lent


def apply(npt: NestedPageTable, said: Said, what: str, page: int, count: int) -> None:
    """Make one edit in both."""
    gpa = Gpa(FIRST + 0x1000 * page)
    count = min(count, PAGES - page)
    if what.startswith("map"):
        write, execute = what != "map read-only", what != "map no execute"
        npt.map(gpa, GUEST, count, write=write, execute=execute)
        rights = "r" + "w" * write + "e" * execute
        said.mapped |= {page + at: (at, rights) for at in range(count)}
        return
    if what == "unmap":
        npt.unmap(gpa, count)
        for at in range(page, page + count):
            said.mapped.pop(at, None)
        return
    if what == "seal":
        npt.seal()
        said.sealed = True
        said.lifted.clear()
        return
    getattr(npt, what)(gpa)
    _single(said, what, page)


def _single(said: Said, what: str, page: int) -> None:
    {
        "protect": said.protected.add, "unprotect": said.protected.discard,
        "block": said.blocked.add,
        "lend": said.lent.add, "reclaim": said.lent.discard, "lift": said.lifted.add,
    }[what](page)  # fmt: skip


@cache
def machine() -> Mmu:
    """One engine for all cases."""
    return Mmu()


def check(edits: list[tuple[str, int, int]]) -> None:
    """Apply edits, then try every page in every way."""
    stage = machine()
    stage.memory.zero(TABLES, 0x10000)
    npt = NestedPageTable(stage.memory, TABLES, 0x10000)
    npt.map(CODE, Hpa(GUEST + 0x1000 * _HOMES), 1)
    said = Said()
    for edit in edits:
        apply(npt, said, *edit)
    for page in range(PAGES):
        for access in get_args(AccessKind):
            _try(stage, npt, said, page, access)


def _try(stage: Mmu, npt: NestedPageTable, said: Said, page: int, access: AccessKind) -> None:
    gpa = Gpa(FIRST + 0x1000 * page + 8)
    found = walk_nested(stage.memory, npt.model_root, gpa, access)
    assert (found.verdict == "ok") == said.by_model(page, access), (page, access, said)
    kept = page in said.mapped and page not in said.blocked and not said.seen(page)
    assert npt.hidden(page_of(gpa)) == kept, (page, said)
    stage.clear()
    stage.map_code("off", 0, lambda at: Hpa(GUEST + 0x1000 * _HOMES))
    home = GUEST + 0x1000 * said.mapped[page][0] + 8 if page in said.mapped else GUEST
    if access == "execute":
        stage.memory.write(Hpa(home), b"\xb8" + FETCHED.to_bytes(4, "little") + b"\xf4")
    before = stage.memory.read(Hpa(home), 8)
    got = stage.attempt(RULES, npt.root, Gva(gpa), access)
    after = stage.memory.read(Hpa(home), 8)
    if said.by_shadow(page, access):
        low = int.from_bytes(before[:4], "little")
        assert got == Outcome("ok", {"read": low, "write": 0, "execute": FETCHED}[access])
        stored = STORED.to_bytes(8, "little")[:4] + before[4:]
        assert after == (stored if access == "write" else before)
        return
    error = _ERRORS[access] | said.seen(page)
    assert got == Outcome("#NPF", gpa, error), (
        page,
        access,
        said,
    )
    assert after == before


def test_the_shadow_allows_what_it_should() -> None:
    @settings(
        max_examples=CASES, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(EDITS)
    def agree(edits: list[tuple[str, int, int]]) -> None:
        check(edits)

    agree()
