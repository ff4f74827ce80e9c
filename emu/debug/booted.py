"""What a session has booted, and with what, as two boots are held against each other: the same
bytes are the same wherever their files lie."""

import tomllib
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

from emu.debug.desk import Desk
from emu.debug.setup import Setup
from emu.given.plain import plain
from emu.profile.comparing import BootedWith

_OPTIONS: Final = (
    "seed", "cmdline", "at", "mailbox", "loop_mode", "loop_entry", "loop_reset", "loop_plan",
    "igvm_base", "max_ticks",
)  # fmt: skip
"""Options that change what a guest meets, besides files and what a platform says."""
_HASH_DIGITS: Final = 12
_NAMED: Final = ("name", "cpus.count", "memory.mib")
"""Keys of a platform that are told as what they come to."""
_Told = Iterator[tuple[str, BootedWith]]


def booted_with(desk: Desk) -> dict[str, BootedWith]:
    """Image, platform, CPUs, memory, options, and what was entered up to now."""
    setup, driver = desk.setup, desk.timeline.driver
    entries = desk.timeline.branch.entries[: driver.done]
    mib = setup.platform.memory_bytes >> 20
    found = dict(_files(setup))
    found["platform"] = _said(setup.platform.name)
    found["CPUs"] = _said(f"{len(desk.machine.board.cpus):,}")
    found["memory"] = _said(f"{mib:,} MiB")
    found |= dict(_options(setup)) | dict(_keys("", tomllib.loads(setup.platform_text)))
    if entries:
        words = (f"{one.text} (tick {one.tick:,})" for one in entries)
        found["entered"] = _said("; ".join(words))
    return found


def _said(words: str) -> BootedWith:
    return BootedWith(plain(words), words)


def _files(setup: Setup) -> _Told:
    images = {
        "image": setup.image, "kernel": setup.kernel, "reset page": setup.reset,
        "sidecar": setup.sidecar,
    }  # fmt: skip
    for what, image in images.items():
        if image is not None:
            name = plain(image.path.name)
            yield what, BootedWith(f"{name} ({_hash(image.data)})", image.sha256)
    given = {
        "initrd": setup.initrd, "host's device tree": setup.host_dtb or b"",
        "persisted": setup.persisted, "more in memory": b"".join(one for _, one in setup.more),
    }  # fmt: skip
    for what, data in given.items():
        if data:
            yield what, _said(_hash(data))


def _hash(data: bytes) -> str:
    return f"sha256 {sha256(data).hexdigest()[:_HASH_DIGITS]}"


def _options(setup: Setup) -> _Told:
    for name in _OPTIONS:
        value = getattr(setup.options, name)
        if value not in (None, "", 0):
            yield f"--{name.replace('_', '-')}", _said(str(value))


def _keys(table: str, values: dict[str, Any]) -> _Told:
    """Each key of a platform's file: two of one name may differ in a price."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _keys(f"{table}{key}.", value)
        elif table + key not in _NAMED:
            yield f"platform's {table}{key}", _said(str(value))
