"""A new platform's file, made of one that is there."""

from pathlib import Path

from emu.boot.platform import platform_of, platform_text
from emu.boot.platform_keys import commented
from emu.errors import PlatformError
from emu.given.plain import shown
from emu.given.toml import table_of


def new_platform(source: str, name: str) -> str:
    """Its text, with every key and what it is; raises PlatformError where the source is none,
    or the name cannot be one."""
    if not name.isprintable():
        raise PlatformError(f"{shown(name)}: a platform's name is one line of text")
    text = platform_text(source)
    platform_of(text, Path(source))
    made = commented(table_of(text, source, PlatformError), name)
    platform_of(made, Path(name))
    return made
