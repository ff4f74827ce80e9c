"""Names of Rust symbols as people write them: paths, without the hashes of crates.

Both manglings: v0 (RFC 2603) and the legacy one (`_ZN...17h<hash>E`).
"""

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

_LEGACY: Final = re.compile(r"_ZN.*17h[0-9a-f]{16}E")
_LEGACY_HASH: Final = re.compile(r"::h[0-9a-f]{16}$")
_SUFFIX: Final = re.compile(r"(?<=.)\.(llvm\.[0-9A-Za-z]+|cold|part\.\d+)$")
"""What the code generator hangs on."""
_CRATE: Final = re.compile(r"C(?:s[0-9A-Za-z]*_)?(\d+)_?|_ZN(\d+)")
"""Where the first crate of a name is written: its length, behind which it stands."""
_STANDARD: Final = ("core", "alloc", "std", "compiler_builtins")
_KNOWN_MAX: Final = 65_536


def is_mangled(name: str) -> bool:
    """Whether a symbol is one that a Rust compiler wrote."""
    return name.startswith("_R") or _LEGACY.match(name) is not None


@lru_cache(maxsize=_KNOWN_MAX)
def readable(name: str) -> str:
    """The whole path of a mangled name, `openhcl_boot::host_params::dt::parse`; any other name,
    and one that follows neither scheme, as it is."""
    if not is_mangled(name):
        return name
    from rust_demangler import demangle  # 20 ms, for images that were written in Rust

    try:
        text: str = demangle(_SUFFIX.sub("", name))
    except Exception:  # a damaged name ends in whatever its parser came upon
        return name
    return _LEGACY_HASH.sub("", text) or name


def own_crate(names: Iterable[str]) -> str:
    """The crate that an image is of: that of most names which are not the standard library's;
    empty if there is none."""
    crates = Counter(crate for name in names if (crate := _crate(name)) not in ("", *_STANDARD))
    return crates.most_common(1)[0][0] if crates else ""


def _crate(name: str) -> str:
    """The crate that a mangled name begins with."""
    found = _CRATE.search(name) if is_mangled(name) else None
    if found is None:
        return ""
    count = int(found[1] or found[2])
    return name[found.end() : found.end() + count]


def short(path: str, crate: str) -> str:
    """A path without the image's own crate: `host_params::dt::parse`, `memcpy`."""
    return re.sub(rf"\b{re.escape(crate)}::", "", path) if crate else path


@lru_cache(maxsize=_KNOWN_MAX)
def typed(path: str) -> str:
    """A path as people type it: `core::fmt::Formatter::pad` for `<core::fmt::Formatter>::pad`,
    `baz::Baz::fmt` for `<baz::Baz as core::fmt::Display>::fmt`, and no type arguments."""
    before = ""
    while path != before:
        before = path
        path = re.sub(r"(?<!:)<([^<>]*?)(?: as [^<>]*)?>(?=::)", r"\1", path)
        path = re.sub(r"(?:::|(?<=\w))<[^<>]*>", "", path)
    return path


def is_meant(wanted: str, name: str) -> bool:
    """Whether a function, as it is compiled, is meant by a name or by the last parts of its
    path."""
    return name == wanted or (is_mangled(name) and ends(typed(readable(name)), wanted))


def ends(path: str, parts: str) -> bool:
    """Whether a path is meant by its last parts: `dt::parse`, `parse`."""
    return path == parts or path.endswith(f"::{parts}")
