"""Build the sample images with the pinned zig compiler: the same bytes on every host.

Usage: python shim/build.py [--out DIR]    (default: samples/)

DIR gets the healthy images; DIR/gallery the shim with one published bug each, and DIR/dialects
the shim with other firmwares' mailbox loops. Where the reset page differs too, it stands beside
the shim as NAME.reset.elf.
"""

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = "x86_64-freestanding-none"
FLAGS = (
    "-target", TARGET, "-std=c17", "-O2", "-g", "-gdwarf-4", "-ffreestanding", "-fPIE",
    "-fno-stack-protector", "-fno-sanitize=all", "-fno-asynchronous-unwind-tables",
    "-mno-red-zone",
    "-mcpu=x86_64-mmx-sse-sse2-x87+soft_float", "-fomit-frame-pointer",
    "-fno-strict-aliasing", "-fno-jump-tables", "-fvisibility=hidden",
    "-Wall", "-Wextra", "-Werror", "-Wno-unused-command-line-argument", "-Ishim",
    "-fdebug-compilation-dir=.",
)  # fmt: skip
"""No vector or floating-point registers, no tables of pointers, no path of this machine."""
SHARED = ("fdt_read.c", "tdcall.c", "tdcall.S")
SHIM = (
    "entry.S", "main.c", "ap.c", "ap_entry.S", "fdt_write.c", "handover.c", "host.c", "hv.c",
    "idt.c", "memory.c", "pagetable.c", "print.c", "sipi.c", "tdx.c", "trampoline.S", "tree.c",
    *SHARED,
)  # fmt: skip


BOTH = ("shim", "reset")
GALLERY = {
    "ack-before-vector": BOTH,
    "branch-into-tdcall": ("reset",),
    "dirty-reserved": BOTH,
    "id-unchecked": BOTH,
    "index-for-id": BOTH,
    "no-ack": BOTH,
    "no-pause": BOTH,
    "nx-vector": BOTH,
    "page-reused": BOTH,
    "secret-mask": BOTH,
    "shared-cell": BOTH,
    "stack-shared": BOTH,
    "truncated-vector": BOTH,
    "unbounded-wait": BOTH,
    "ungated-command": BOTH,
    "vector-unmapped": BOTH,
    "version-lie": BOTH,
    "wrong-field-cleared": BOTH,
}
"""Slug of a bug -> which images it may change; the switch is BUG_ and the slug."""
DIALECTS = ("edk2", "openhcl", "td-shim")
"""Firmwares whose mailbox loop the shim also has; the switch is DIALECT_ and the name."""
UNCHANGED = "NO_SWITCH"
"""A switch that no file knows: the healthy code, with compressed debug information."""


def kernel_sources() -> tuple[str, ...]:
    """The kernel's own files and what it shares with the shim."""
    own = sorted((ROOT / "shim" / "kernel").glob("*.[cS]"))
    return (*(f"kernel/{place.name}" for place in own), *SHARED)


SOURCES = {"reset": ("reset.S",), "shim": SHIM, "kernel": kernel_sources()}
SCRIPTS = {"reset": "reset.ld", "shim": "shim.ld", "kernel": "shim.ld"}


def relative(place: Path) -> str:
    """A path as seen from the repository's root."""
    return os.path.relpath(place, ROOT)


def path_maps() -> list[str]:
    """Flags that hide where the compiler's own headers are; DWARF names every file it saw."""
    spec = importlib.util.find_spec("ziglang")
    if spec is None or spec.origin is None:
        raise SystemExit("the guest code is built with the ziglang package: pip install it")
    home = Path(spec.origin).parent
    # The compiler resolves links and may write a path relative to the current directory.
    names = {str(way) for place in (home, home.resolve()) for way in (place, relative(place))}
    return [f"-ffile-prefix-map={name}=zig" for name in sorted(names)]


def zig(arguments: list[str], cache: Path) -> None:
    """Run the compiler in the repository's root, with caches that leave no trace."""
    caches = {"ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": str(cache)}
    command = [sys.executable, "-m", "ziglang", *arguments]
    subprocess.run(command, cwd=ROOT, env=os.environ | caches, check=True)


class Builder:
    """Compiles each file once for each switch that it knows, and links."""

    def __init__(self, out: Path, scratch: Path) -> None:
        self._out = out
        self._scratch = scratch
        self._flags = [*FLAGS, *path_maps()]

    def image(self, kind: str, name: str, switch: str = "") -> None:
        """Link one image as `name`.elf; debug information of variants is compressed."""
        objects = [self._object(source, switch) for source in SOURCES[kind]]
        linked = self._out / f"{name}.elf"
        linked.parent.mkdir(parents=True, exist_ok=True)
        options = ["-T", f"shim/{SCRIPTS[kind]}", "--build-id=none", "-z", "max-page-size=4096"]
        options += [] if kind == "reset" else ["-pie", "--no-dynamic-linker", "-z", "norelro"]
        options += ["-e", "kernel_start"] if kind == "kernel" else []
        options += ["--compress-debug-sections=zlib"] if switch else []
        zig(["ld.lld", *options, "-o", str(linked), *objects], self._scratch / "cache")

    def variant(self, name: str, switch: str, kinds: tuple[str, ...] = BOTH) -> None:
        """The shim with a switch, and the reset page if the switch changes that."""
        self.image("shim", name, switch if "shim" in kinds else UNCHANGED)
        if "reset" in kinds and any(knows(source, switch) for source in SOURCES["reset"]):
            self.image("reset", f"{name}.reset", switch)

    def _object(self, source: str, switch: str) -> str:
        define = switch if switch and knows(source, switch) else ""
        target = self._scratch / f"{source.replace('/', '-')}{define}.o"
        if not target.exists():
            flags = [*self._flags, *([f"-D{define}"] if define else [])]
            command = ["cc", *flags, "-c", f"shim/{source}", "-o", str(target)]
            zig(command, self._scratch / "cache")
        return str(target)


def knows(source: str, switch: str) -> bool:
    """Whether a file, or a file of code that it includes, asks for the switch."""
    text = (ROOT / "shim" / source).read_text()
    if re.search(rf"\b{switch}\b", text):
        return True
    return any(knows(name, switch) for name in re.findall(r'#include "([\w/-]+\.inc)"', text))


def main() -> None:
    """Build all images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "samples")
    out = parser.parse_args().out.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        builder = Builder(out, Path(scratch))
        for kind in SOURCES:
            builder.image(kind, kind)
        for slug, kinds in GALLERY.items():
            builder.variant(f"gallery/{slug}", switch_of("BUG", slug), kinds)
        for slug in DIALECTS:
            builder.variant(f"dialects/{slug}", switch_of("DIALECT", slug))


def switch_of(prefix: str, slug: str) -> str:
    """`no-ack` -> `BUG_NO_ACK`."""
    return f"{prefix}_{slug.replace('-', '_').upper()}"


if __name__ == "__main__":
    main()
