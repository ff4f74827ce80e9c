"""What a contract is: what an image of one family finds in memory when it begins."""

from collections.abc import Callable

from msgspec import Struct

from emu.boot.image import Image
from emu.boot.layout import BootLayout
from emu.boot.platform import Platform


class Loaded(Struct, frozen=True):
    """What is to be booted, read and checked."""

    image: Image
    kernel: Image | None
    reset: Image | None
    platform: Platform
    initrd: bytes = b""
    cmdline: str = ""
    host_dtb: bytes | None = None
    """The host's device tree, if it is not the one that describes the platform."""
    symbols: tuple[Image, ...] = ()
    """ELF files of what lies in the image, for their names."""
    sidecar: Image | None = None
    """The kernel of CPUs that the OS does not take."""
    persisted: bytes = b""
    """What an earlier run kept for this one."""
    seed: int = 0
    igvm_base: int | None = None
    """Where an IGVM file that may move is to lie; None: where it says, if that is memory."""
    more: tuple[tuple[int, bytes], ...] = ()
    """(GPA, bytes) of what is to lie in memory besides a loop."""


class Contract(Struct, frozen=True):
    """One family's. Adding one is one file and a line in `CONTRACTS`."""

    name: str
    words: str
    recognise: Callable[[Image], bool]
    """Whether an image is of this family."""
    lay_out: Callable[[Loaded], BootLayout]
    """Place everything; raises ImageError or PlatformError where it does not fit."""
    takes: tuple[str, ...] = ("kernel", "initrd", "cmdline", "host_dtb")
    """Those of these options that mean something to it."""
    hands_over: bool = True
    """Whether there is one more image: a kernel to hand over to."""
    resets: bool = False
    """Whether it wants a reset page where CPUs begin at the reset vector."""
    platform: str = "tdx"
    """The packaged one that it is booted on where nobody says."""
    names_beside: Callable[[Image, Platform], tuple[str, ...]] | None = None
    """Files beside an image that have its names, where none are given."""
    sized: bool = False
    """Whether an image says itself how many CPUs and how much memory there are."""
    chosen: Callable[[Image], str] = lambda _: ""
    """The packaged platform that an image itself is for; empty: it says nothing."""
    fitted: Callable[[Image, Platform], Platform] = lambda _, platform: platform
    """A platform as the image wants it."""
