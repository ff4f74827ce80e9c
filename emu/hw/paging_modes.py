"""How each paging mode lays out its tables, and which bits of an entry mean what in it."""

from typing import Final, Literal, NamedTuple

from emu.hw.nested_walk import FRAME, LARGE, NO_EXECUTE, PHYSICAL_BITS

CR0_PG, CR0_WP = 1 << 31, 1 << 16
CR4_PSE, CR4_PAE, CR4_SMEP, CR4_SMAP = 1 << 4, 1 << 5, 1 << 20, 1 << 21
EFER_LMA, EFER_NXE = 1 << 10, 1 << 11
U32: Final = (1 << 32) - 1

PagingMode = Literal["off", "32-bit", "PAE", "4-level"]


class Level(NamedTuple):
    """One level of a paging mode: its lowest address bit, and whether it may be a leaf."""

    name: str
    shift: int
    entries: int
    large: bool


class Format(NamedTuple):
    """The tables of a paging mode, root first; `base` keeps the root's address of CR3."""

    levels: tuple[Level, ...]
    entry_bytes: int
    base: int


_PAGE: Final = Level("L1", 12, 512, False)
_TWO_MIB: Final = Level("L2", 21, 512, True)
FORMATS: Final[dict[PagingMode, Format]] = {
    "off": Format((), 8, 0),
    "32-bit": Format(
        (Level("L2", 22, 1024, True), Level("L1", 12, 1024, False)), 4, 0xFFFFF000
    ),
    "PAE": Format((Level("L3", 30, 4, False), _TWO_MIB, _PAGE), 8, 0xFFFFFFE0),
    "4-level": Format(
        (Level("L4", 39, 512, False), Level("L3", 30, 512, True), _TWO_MIB, _PAGE), 8, FRAME
    ),
}
"""SDM 3, 4.3 to 4.5."""


def mode_of(cr0: int, cr4: int, efer: int) -> PagingMode:
    """The paging mode that the control registers select (SDM 3, 4.1.1; never five levels)."""
    if not cr0 & CR0_PG:
        return "off"
    if not cr4 & CR4_PAE:
        return "32-bit"
    return "4-level" if efer & EFER_LMA else "PAE"


def is_leaf(mode: PagingMode, level: Level, entry: int, cr4: int) -> bool:
    """Whether a present entry maps a page and not a table."""
    if level.shift == 12:
        return True
    return level.large and bool(entry & LARGE) and (mode != "32-bit" or bool(cr4 & CR4_PSE))


def has_rights(mode: PagingMode, name: str) -> bool:
    """Whether entries of a level have rights and an A bit: PAE's four root entries do not."""
    return not (mode == "PAE" and name == "L3")


def frame_of(mode: PagingMode, leaf: int, page_bytes: int) -> int:
    """The page's address in a leaf; of a 4 MiB page bits 20:13 are address bits 39:32."""
    if mode == "32-bit" and page_bytes > 4096:
        return leaf & 0xFFC00000 | (leaf & 0x1FE000) << 19
    return leaf & FRAME & ~(page_bytes - 1)


def reserved_bits(
    mode: PagingMode, level: Level, leaf: bool, efer: int, physical_bits: int
) -> int:
    """The bits that must be 0 in an entry (SDM 3, 4.3 to 4.5). Of a PAE root entry the engine
    checks only those from `physical_bits` on."""
    if mode == "32-bit":
        return 1 << 21 if leaf and level.shift == 22 else 0
    bits = (1 << 52) - (1 << physical_bits)
    if leaf and level.shift > 12:
        bits |= (1 << level.shift) - (1 << 13)
    if level.name == "L4":
        bits |= LARGE
    if mode == "PAE":
        bits |= (1 << 63) - (1 << 52)
    if not efer & EFER_NXE or not has_rights(mode, level.name):
        bits |= NO_EXECUTE
    return bits


def reserved_words(mode: PagingMode, level: Level, reserved: int) -> str:
    """Which reserved bits an entry has set, and why they are: `reserved bit 63: it is NX and
    EFER.NXE is 0`."""
    numbers = [bit for bit in range(64) if reserved >> bit & 1]
    first, last = numbers[0], numbers[-1]
    bits = f"bit {first}" if first == last else f"bits {last}:{first}"
    if len(numbers) != last - first + 1:
        bits = "bits " + ", ".join(map(str, reversed(numbers)))
    return f"reserved {bits}: " + " and ".join(_reasons(mode, level, reserved))


def _reasons(mode: PagingMode, level: Level, reserved: int) -> list[str]:
    """What a reserved bit of an entry would mean elsewhere."""
    found = []
    if reserved & NO_EXECUTE:
        rights = has_rights(mode, level.name)
        found.append(
            "it is NX and EFER.NXE is 0" if rights else "entries of PAE's root have no NX"
        )
    if reserved & (1 << 63) - (1 << 52):
        found.append("PAE has no bits above its address")
    if reserved & FRAME & -(1 << PHYSICAL_BITS):
        found.append(f"addresses have {PHYSICAL_BITS} bits")
    if reserved & LARGE:
        found.append("PS, and no entry of this level is a page")
    if reserved & FRAME & (1 << PHYSICAL_BITS) - 1:
        found.append("the address of a large page is a multiple of its size")
    return found
