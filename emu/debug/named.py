"""What the command line can name without a file: platforms, samples, kinds of injection."""

from emu.boot.samples import samples_dir
from emu.errors import ImageError
from emu.inject.kinds import KINDS

IMAGES = ("gallery", "dialects")
"""Folders with images; what stands beside one (`NAME.reset.elf`) is none of its own."""


def names(kind: str) -> tuple[str, ...]:
    """The names of a kind: `platform`, `image`, `recording`, `script` or `injection`; without
    the samples there are none."""
    if kind == "injection":
        return tuple(one.name for one in KINDS)
    try:
        samples = samples_dir()
    except ImageError:
        return ()
    match kind:
        case "platform":
            found = [place.stem for place in (samples / "platforms").glob("*.toml")]
        case "recording":
            found = [place.stem for place in samples.glob("*.apdbg")]
        case "script":
            found = [f"gallery/{place.stem}" for place in samples.glob("gallery/*.script")]
        case "image":
            found = [
                f"{folder}/{place.stem}"
                for folder in IMAGES
                for place in samples.glob(f"{folder}/*.elf")
                if "." not in place.stem
            ]
        case _:
            raise AssertionError(f"{kind} is no kind of names")
    return tuple(sorted(found))
