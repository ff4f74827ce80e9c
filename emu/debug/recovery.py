"""What is expected of a boot in which something is broken: `samples/recovery.toml`, read.

Each `[[case]]` names injections and what then becomes of the boot. `hung` cannot be expected:
a boot that hangs silently is a bug of the guest.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

from msgspec import Struct, field

from emu.boot.samples import samples_dir
from emu.errors import ApdbgError
from emu.given.files import read_file
from emu.given.plain import shown
from emu.given.toml import table_of

Expected = Literal["booted", "degraded", "refused", "killed"]
"""booted: every CPU came online. degraded: some did not, and the guest went on without them.
refused: the guest gave up, said why on the serial line and told the host. killed: the
processor or the TDX module ended it, as it must."""
PLATFORMS: Final = ("tdx", "vbs", "none", "sipi")
_BYTES_MAX: Final = 1 << 20


class RecoveryError(ApdbgError):
    """A file of expectations that cannot be read."""


class Case(Struct, frozen=True):
    """Something that is broken on one platform, and what is expected of the boot."""

    inject: tuple[str, ...]
    platform: str
    expect: Expected
    why: str
    says: str = ""
    """Part of what the serial line or the verdict says; empty: anything."""
    lost: tuple[int, ...] = ()
    """The CPUs that do not come online."""
    marked: tuple[int, ...] = ()
    """Those among them that the kernel's device tree calls failed."""
    breaks: frozenset[str] = field(default_factory=frozenset)
    """The rules that are broken, no more and no less."""

    @property
    def name(self) -> str:
        """The injections in a row."""
        return "; ".join(self.inject) or "nothing injected"


def of_the_samples() -> Path:
    """What is expected of the sample shim."""
    return samples_dir() / "recovery.toml"


def read(path: Path) -> list[Case]:
    """All cases of a file, one for each platform; raises RecoveryError."""
    table = table_of(read_file(path, _BYTES_MAX, RecoveryError), path, RecoveryError)
    entries = table.pop("case", None)
    if table or not isinstance(entries, list):
        raise RecoveryError(f"{path}: holds [[case]] tables and nothing else")
    cases: list[Case] = []
    for number, entry in enumerate(entries, 1):
        cases += _cases(f"{path}: case {number}", entry)
    return cases


def _cases(where: str, entry: Any) -> list[Case]:
    """One [[case]] on each of its platforms."""
    if not isinstance(entry, dict):
        raise RecoveryError(f"{where}: is no table")
    known = {"inject", "platforms", "why", "expect", "says", "lost", "marked", "breaks", "on"}
    for key in entry.keys() - known:
        raise RecoveryError(f"{where}: there is no key {key!r}")
    platforms = entry.get("platforms", list(PLATFORMS))
    if not isinstance(platforms, list) or not all(one in PLATFORMS for one in platforms):
        raise RecoveryError(f"{where}: platforms: some of {', '.join(PLATFORMS)}")
    differing = entry.get("on", {})
    if (
        not isinstance(differing, dict)
        or not differing.keys() <= set(platforms)
        or not all(isinstance(one, dict) for one in differing.values())
    ):
        raise RecoveryError(f"{where}: on: tables by platform: {', '.join(platforms)}")
    return [
        _case(f"{where} on {platform}", platform, entry | differing.get(platform, {}))
        for platform in platforms
    ]


def _case(where: str, platform: str, entry: Mapping[str, Any]) -> Case:
    inject = entry.get("inject")
    specs = [inject] if isinstance(inject, str) else inject
    if not isinstance(specs, list) or not all(isinstance(one, str) for one in specs):
        raise RecoveryError(f"{where}: inject: a text, or a list of texts")
    expect: Expected | None = entry.get("expect")
    if expect is None or expect not in get_args(Expected):
        raise RecoveryError(
            f"{where}: expect: {', '.join(get_args(Expected))}, not {shown(expect)}"
        )
    why, says = entry.get("why", ""), entry.get("says", "")
    if not isinstance(why, str) or not why or not isinstance(says, str):
        raise RecoveryError(f"{where}: why (needed) and says are texts")
    return Case(
        tuple(specs), platform, expect, why, says, _numbers(where, entry, "lost"),
        _numbers(where, entry, "marked"), _rules(where, entry),
    )  # fmt: skip


def _numbers(where: str, entry: Mapping[str, Any], key: str) -> tuple[int, ...]:
    found = entry.get(key, [])
    if not isinstance(found, list) or not all(type(one) is int for one in found):
        raise RecoveryError(f"{where}: {key}: a list of CPU numbers")
    return tuple(found)


def _rules(where: str, entry: Mapping[str, Any]) -> frozenset[str]:
    found = entry.get("breaks", [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise RecoveryError(f"{where}: breaks: a list of rules")
    return frozenset(found)
