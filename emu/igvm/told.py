"""What is in an IGVM file, in words."""

from collections.abc import Iterator
from typing import Final

from emu.hw.address import PAGE_BYTES
from emu.igvm import headers as kinds
from emu.igvm.contexts import NATIVE_KINDS, VMSA_KINDS, InitialRegister, values
from emu.igvm.file import Igvm
from emu.igvm.headers import Header, LaunchPlatform, mask_of
from emu.igvm.launch_pages import launch_pages
from emu.igvm.measure import digest
from emu.igvm.relocation import Relocation

_POLICIES: Final = {
    kinds.TDX: ((0, "debug"), (1, "no #VE for pending pages"), (2, "may migrate")),
    kinds.SNP: ((16, "SMT"), (18, "may migrate"), (19, "debug"), (20, "one socket")),
}  # fmt: skip
"""LaunchPlatform -> (bit, what it allows)."""
_OTHERS: Final = {
    "unmeasured": "pages unmeasured", "shared": "shared with the host",
    "parameter": "filled in by the host",
}  # fmt: skip
_WITH_CONTEXT: Final = (kinds.VBS, *NATIVE_KINDS, *VMSA_KINDS)
_PE, _PG, _LMA = 1 << 0, 1 << 31, 1 << 10
_OWN: Final = ("at", "mask", "reserved", "rest")
"""Fields that are not told, or in a place of their own."""
_PLAIN: Final = (
    "vp_index", "vtl", "index", "version", "guest_svn", "product", "module", "author_key",
    "security_version", "digest_kind", "signature_kind", "hash", "lfa", "highest_vtl",
)  # fmt: skip
"""Fields that are told in decimal."""


def summary(igvm: Igvm) -> str:
    """`IGVM v1, TDX and VBS, 412 pages measured, entry 32-bit at 0xfffffff0`."""
    names = _joined([one.name for one in igvm.platforms])
    counts = dict.fromkeys(f"{measured(igvm, one):,}" for one in igvm.platforms)
    entries = dict.fromkeys(entry(igvm, one) for one in igvm.platforms)
    arch = "" if igvm.architecture == "x64" else f" for {igvm.architecture}"
    return (
        f"IGVM v{igvm.version}{arch}, {names}, {_joined(list(counts))} pages measured, entry "
        f"{_joined(list(entries))}"
    )


def _joined(words: list[str]) -> str:
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else words[0]


def measured(igvm: Igvm, platform: LaunchPlatform) -> int:
    """How many pages count with their contents."""
    hidden = kinds.UNMEASURED | kinds.SHARED
    return sum(
        isinstance(one, kinds.PageData) and not one.flags & hidden for one in igvm.on(platform)
    )


def pages_by_kind(igvm: Igvm, platform: LaunchPlatform) -> dict[str, int]:
    """How many pages are laid down without their contents counting, by how."""
    rows = launch_pages(igvm.on(platform), Relocation())
    return {
        how: sum(one.size for one in rows if one.how == how) // PAGE_BYTES for how in _OTHERS
    }


def entry(igvm: Igvm, platform: LaunchPlatform) -> str:
    """In which mode the first CPU begins, and where."""
    if platform.kind == kinds.TDX:
        return "32-bit at 0xfffffff0"
    contexts = (one for one in igvm.on(platform) if isinstance(one, kinds.InitialContext))
    context = next(contexts, None)
    if context is None or igvm.architecture != "x64" or platform.kind not in _WITH_CONTEXT:
        return "as after reset" if context is None else f"by a {platform.name} context"
    found = {one.name: one.value for one in values(igvm, platform, context)}
    mode = "16-bit"
    if found.get("cr0", 0) & _PE:
        mode = "64-bit" if found.get("efer", 0) & _LMA else "32-bit"
    return f"{mode} at {found.get('rip', 0):#x}"


def lines(igvm: Igvm) -> Iterator[str]:
    """Each platform with its digest, then every header in the order of the file."""
    count = len(igvm.headers) + len(igvm.skipped)
    yield f"  {count:,} headers, checksum {igvm.checksum:#010x}, {len(igvm.whole):,} bytes"
    for platform in igvm.platforms:
        yield ""
        yield from _platform(igvm, platform)
    yield ""
    yield from header_rows(igvm)


def header_rows(igvm: Igvm) -> Iterator[str]:
    """Every header in the order of the file; pages that follow each other are one row."""
    for first, last in _runs(igvm.headers):
        yield _row(igvm, first, last)
    for at, kind in igvm.skipped:
        yield f"  {at:#08x}  type {kind:#x}, which may be ignored"


def _platform(igvm: Igvm, platform: LaunchPlatform) -> Iterator[str]:
    shared = platform.shared_boundary
    above = f", shared memory from {shared:#x}" if shared else ""
    yield f"{platform.name} (mask {platform.mask:#x}): VTL {platform.highest_vtl}{above}"
    yield f"  {measured(igvm, platform):,} pages measured, entry {entry(igvm, platform)}"
    counts = pages_by_kind(igvm, platform)
    rest = ", ".join(f"{count:,} {_OTHERS[how]}" for how, count in counts.items() if count)
    if rest:
        yield f"  besides: {rest}"
    found = digest(igvm, platform)
    yield "  nothing is measured" if found is None else f"  {found[0]}: {found[1].hex()}"


def _runs(headers: tuple[Header, ...]) -> Iterator[tuple[Header, Header]]:
    """(first, last) of rows: pages of one kind that lie behind each other are one."""
    first = last = headers[0]
    for one in headers[1:]:
        if isinstance(one, kinds.PageData) and isinstance(last, kinds.PageData):
            alike = (one.mask, one.flags, one.kind) == (last.mask, last.flags, last.kind)
            if alike and one.gpa == last.gpa + PAGE_BYTES:
                last = one
                continue
        yield first, last
        first = last = one
    yield first, last


def _row(igvm: Igvm, first: Header, last: Header) -> str:
    mask = mask_of(first)
    names = [one.name for one in igvm.platforms if mask is None or one.mask & mask]
    on = "all" if len(names) == len(igvm.platforms) else ", ".join(names)
    told = "; ".join(_told(igvm, first, last))
    return f"  {first.at:#08x}  {on:<7}  {first.NAME:<28}  {told}".rstrip()


def _told(igvm: Igvm, first: Header, last: Header) -> Iterator[str]:
    match first:
        case kinds.PageData() if isinstance(last, kinds.PageData):
            count = (last.gpa - first.gpa) // PAGE_BYTES + 1
            end = f" to {last.gpa + PAGE_BYTES:#x}, {count:,} pages" if count > 1 else ""
            yield f"{first.gpa:#x}{end}"
            yield kinds.PAGE_TYPES[first.kind]
            flags = first.flags
            yield (
                "shared"
                if flags & kinds.SHARED
                else ("unmeasured" if flags & kinds.UNMEASURED else "measured")
            )
        case kinds.GuestPolicy():
            yield f"{first.policy:#x}"
            for platform in igvm.platforms:
                if platform.mask & first.mask:
                    for bit, name in _POLICIES.get(platform.kind, ()):
                        if first.policy >> bit & 1:
                            yield name
        case kinds.InitialContext():
            yield f"CPU {first.vp_index}"
            yield from (f"{one.name} {one.text}" for one in _values(igvm, first))
        case LaunchPlatform():
            yield f"mask {first.mask:#x}; VTL {first.highest_vtl}"
        case _:
            for name in first.__struct_fields__:
                if name not in _OWN:
                    yield _field(name, getattr(first, name))


def _values(igvm: Igvm, context: kinds.InitialContext) -> tuple[InitialRegister, ...]:
    """Registers, of a format that is known."""
    for platform in igvm.platforms:
        if platform.mask & context.mask and platform.kind in _WITH_CONTEXT:
            return values(igvm, platform, context)
    return ()


def _field(name: str, value: int | bytes) -> str:
    word = name.replace("_", " ")
    if isinstance(value, bytes):
        return f"{word} {value.hex() if len(value) <= 64 else f'{len(value)} bytes'}"
    if name in _PLAIN:
        return f"{word} {value:,}"
    return f"{word} {value:#x}"
