"""Build the sample images with the pinned zig compiler: the same bytes on every host.

Usage: python shim/build.py [--out DIR]    (default: samples/)
"""

import argparse
import importlib.util
import os
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


def kernel_sources() -> tuple[str, ...]:
    """The kernel's own files and what it shares with the shim."""
    own = sorted((ROOT / "shim" / "kernel").glob("*.[cS]"))
    return (*(f"kernel/{place.name}" for place in own), *SHARED)


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


def build(out: Path, name: str, sources: tuple[str, ...], script: str, scratch: Path) -> None:
    """Compile and link one image."""
    objects = []
    flags = [*FLAGS, *path_maps()]
    for source in sources:
        target = scratch / f"{name}-{source.replace('/', '-')}.o"
        zig(["cc", *flags, "-c", f"shim/{source}", "-o", str(target)], scratch / "cache")
        objects.append(str(target))
    pie = [] if name == "reset" else ["-pie", "--no-dynamic-linker", "-z", "norelro"]
    linked = str(out / f"{name}.elf")
    entry = ["-e", "kernel_start"] if name == "kernel" else []
    options = ["-T", f"shim/{script}", "--build-id=none", "-z", "max-page-size=4096"]
    options += [*pie, *entry]
    zig(["ld.lld", *options, "-o", linked, *objects], scratch / "cache")


def main() -> None:
    """Build all three images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "samples")
    out = parser.parse_args().out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        build(out, "reset", ("reset.S",), "reset.ld", Path(scratch))
        build(out, "shim", SHIM, "shim.ld", Path(scratch))
        build(out, "kernel", kernel_sources(), "shim.ld", Path(scratch))


if __name__ == "__main__":
    main()
