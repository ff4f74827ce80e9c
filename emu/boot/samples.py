"""Where the packaged samples are: in a checkout beside the code, else where pip put them."""

import sysconfig
from pathlib import Path

from emu.errors import ImageError


def samples_dir() -> Path:
    """The folder with shim.elf, kernel.elf, reset.elf and platforms/."""
    user = sysconfig.get_preferred_scheme("user")
    for place in (
        Path(__file__).parents[2] / "samples",
        Path(sysconfig.get_path("data"), "share", "apdbg", "samples"),
        Path(sysconfig.get_path("data", user), "share", "apdbg", "samples"),
    ):
        if (place / "platforms").is_dir():
            return place
    raise ImageError(
        "the packaged samples are missing: reinstall apdbg, or run from a checkout"
    )
