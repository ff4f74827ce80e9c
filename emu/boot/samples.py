"""Where the packaged samples are: in a checkout beside the code, else where pip put them."""

import os
import sysconfig
from contextlib import suppress
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


def place_of(name: str, suffix: str) -> Path:
    """A file by its path; where there is none, the sample that is meant: `gallery/no-ack` and
    `samples/gallery/no-ack.elf` are the same one, wherever apdbg is called from. `shim.elf` is
    none: who types that means a file of his own, and is to hear that it is not there."""
    inside = name.removeprefix("samples/")
    if not os.path.exists(name) and ".." not in Path(name).parts:
        with suppress(ImageError):
            for one in (*([inside] if "/" in name else []), f"{inside}{suffix}"):
                place = samples_dir() / one
                if os.path.isfile(place):
                    return place
    return Path(name)
