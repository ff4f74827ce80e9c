"""Layouts of the guest's structs, from the image's own DWARF: the debugger keeps no copy.

DWARF 5, sections 5.7 (structures) and 5.10 (array subranges). Units are read one after the
other and only until the name is found.
"""

from collections.abc import Iterator
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any, Final

from msgspec import Struct

from emu.boot.dwarf import IMAGES_KEPT, DebugInfo, debug_info
from emu.boot.image import Image
from emu.boot.rust_names import ends

DEPTH_MAX: Final = 16
"""Types wrapped in types; damage may make a ring of them."""
CHILDREN_MAX: Final = 100_000
"""Entries below one entry; damage may make a ring of these too."""
_STRUCT: Final = "DW_TAG_structure_type"
_COMPOUND: Final = (_STRUCT, "DW_TAG_union_type")
_ENUM: Final = "DW_TAG_enumeration_type"
_TYPEDEF: Final = "DW_TAG_typedef"
_WRAPPERS: Final = (_TYPEDEF, "DW_TAG_volatile_type", "DW_TAG_const_type", "DW_TAG_atomic_type")
_POINTER_BYTES: Final = 8
_SIGNED: Final = (5, 6)
"""DW_ATE_signed, DW_ATE_signed_char."""

Names = tuple[tuple[int, str], ...]


class FieldLayout(Struct, frozen=True):
    """One member: offset and size in bytes; for an array `size` is that of all elements."""

    name: str
    offset: int
    size: int
    count: int
    """Elements of an array, 1 for a plain value, 0 for a struct or union."""
    signed: bool
    values: Names
    """(value, name) pairs of its enumeration, empty for a plain number."""


class Layout(Struct, frozen=True):
    """One struct."""

    name: str
    size: int
    fields: tuple[FieldLayout, ...]

    def decode(self, data: bytes) -> dict[str, int | str]:
        """Little-endian values by name; a value with a name is its name. Arrays and structs
        are hexadecimal text, as are fields that `data` is too short for."""
        found: dict[str, int | str] = {}
        for item in self.fields:
            raw = data[item.offset : item.offset + item.size]
            if item.count != 1 or item.size > _POINTER_BYTES or len(raw) < item.size:
                found[item.name] = raw.hex(" ")
                continue
            value = int.from_bytes(raw, "little", signed=item.signed)
            found[item.name] = dict(item.values).get(value, value)
        return found


def structs_of(image: Image) -> "Structs":
    """The structs of an image, read once for all sessions that boot the same bytes."""
    return _structs(debug_info(image))


@lru_cache(maxsize=IMAGES_KEPT)
def _structs(info: DebugInfo) -> "Structs":
    return Structs(info)


class Structs:
    """All structs of one image."""

    def __init__(self, info: DebugInfo) -> None:
        self._info = info
        self._found: dict[str, Layout | None] = {}

    def get(self, name: str) -> Layout | None:
        """A struct by its tag or typedef, None where the image's DWARF has none. One within
        namespaces is found by the last parts of its path, and named by all of it."""
        if not name or not self._info.present:
            return None
        if name not in self._found:
            known = self._info.answer(
                f"struct {name}", tuple[Layout, ...], lambda: self._look(name)
            )
            self._found[name] = known[0] if known else None
        return self._found[name]

    def _look(self, name: str) -> tuple[Layout, ...]:
        """The struct, or nothing."""
        if not _mentions(self._info.dwarf, name.rpartition("::")[2]):
            return ()
        for path, die in _types(self._info):
            try:
                layout = self._layout(die, path) if ends(path, name) else None
            except Exception:  # damaged: another unit may have it whole
                continue
            if layout is not None:
                return (layout,)
        return ()

    def _layout(self, die: Any, name: str) -> Layout | None:
        """The layout if an entry, whose path is its name, defines a struct."""
        if die.tag not in (_STRUCT, _TYPEDEF):
            return None
        die = _bare(die)
        if die.tag != _STRUCT or "DW_AT_byte_size" not in die.attributes:
            return None
        members = tuple(
            self._field(name, member)
            for member in _children(die)
            if member.tag == "DW_TAG_member" and "DW_AT_bit_size" not in member.attributes
        )
        return Layout(name, die.attributes["DW_AT_byte_size"].value, members)

    def _field(self, struct: str, member: Any) -> FieldLayout:
        """A plain number `state` in `struct ap_record` takes its names from `enum ap_state`:
        shared layouts have fixed widths, which C enumerations have not."""
        kind = _bare(member.get_DIE_from_attribute("DW_AT_type"))
        size, count = _extent(kind)
        place = member.attributes.get("DW_AT_data_member_location")
        name = _name(member)
        prefix = struct.partition("_")[0]
        names: Names = ()
        if kind.tag == _ENUM:
            names = _enumerators(kind)
        elif kind.tag == "DW_TAG_base_type":
            names = self._enums.get(f"{prefix}_{name}", ())
        encoding = kind.attributes.get("DW_AT_encoding")
        signed = encoding is not None and encoding.value in _SIGNED
        return FieldLayout(name, place.value if place else 0, size, count, signed, names)

    @cached_property
    def _enums(self) -> dict[str, Names]:
        """Enumeration tag -> its (value, name) pairs."""
        found: dict[str, Names] = {}
        for _, die in _types(self._info):
            if die.tag == _ENUM:
                try:
                    found.setdefault(_name(die), _enumerators(die))
                except Exception:  # damaged: its values stay numbers
                    continue
        return found


def _mentions(dwarf: Any | None, name: str) -> bool:
    """Whether a name is anywhere in the sections: large images have thousands of types."""
    if dwarf is None:
        return False
    wanted = name.encode() + b"\0"
    sections = (dwarf.debug_str_sec, dwarf.debug_info_sec)
    return any(s is not None and wanted in s.stream.getvalue() for s in sections)


def _types(info: DebugInfo) -> Iterator[tuple[str, Any]]:
    """(path, entry) of what stands at the top of every unit, where C has its types, and in its
    namespaces, where C++ and Rust have theirs."""
    for unit in info.units:
        try:
            yield from _within(unit.get_top_DIE(), "", 0)
        except GeneratorExit:
            raise
        except Exception:  # damaged: the next unit stands on its own
            continue


def _within(die: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    for child in _children(die):
        name = f"{path}{_name(child)}"
        if child.tag == "DW_TAG_namespace" and depth < DEPTH_MAX:
            yield from _within(child, f"{name}::", depth + 1)
        else:
            yield name, child


def _children(die: Any) -> Iterator[Any]:
    return islice(die.iter_children(), CHILDREN_MAX)


def _name(die: Any) -> str:
    attribute = die.attributes.get("DW_AT_name")
    return attribute.value.decode("utf-8", "replace") if attribute else ""


def _bare(die: Any) -> Any:
    """A type without typedefs and qualifiers."""
    for _ in range(DEPTH_MAX):
        if die.tag not in _WRAPPERS:
            return die
        die = die.get_DIE_from_attribute("DW_AT_type")
    raise ValueError("types wrapped deeper than any real one")


def _enumerators(die: Any) -> Names:
    return tuple(
        (child.attributes["DW_AT_const_value"].value, _name(child))
        for child in _children(die)
        if child.tag == "DW_TAG_enumerator"
    )


def _extent(kind: Any, depth: int = 0) -> tuple[int, int]:
    """(bytes, elements) of a bare type."""
    if kind.tag == "DW_TAG_pointer_type":
        return _POINTER_BYTES, 1
    if kind.tag != "DW_TAG_array_type":
        return kind.attributes["DW_AT_byte_size"].value, int(kind.tag not in _COMPOUND)
    if depth >= DEPTH_MAX:
        raise ValueError("arrays of arrays deeper than any real one")
    count = 1
    for bound in _children(kind):
        if "DW_AT_count" in bound.attributes:
            count *= bound.attributes["DW_AT_count"].value
        elif "DW_AT_upper_bound" in bound.attributes:
            count *= bound.attributes["DW_AT_upper_bound"].value + 1
        else:
            count = 0
    element = _bare(kind.get_DIE_from_attribute("DW_AT_type"))
    return count * _extent(element, depth + 1)[0], count
