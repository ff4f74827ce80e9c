"""A platform as the command line takes it: by the name of a packaged one, or a TOML file."""

from pathlib import Path

from emu.boot.platform import Platform, platform_of, platform_text


def load_platform(
    name: str, *, cpus: int | None = None, memory_mib: int | None = None
) -> Platform:
    """`cpus` and `memory_mib` override the file; raises PlatformError."""
    return platform_of(platform_text(name), Path(name), cpus=cpus, memory_mib=memory_mib)
