"""Build the sample images with the pinned zig compiler: the same bytes on every host.

Usage: python shim/build.py [--out DIR]    (default: samples/)

DIR gets the healthy images; DIR/gallery the shim with one published bug each, DIR/dialects the
shim with other firmwares' mailbox loops, DIR/loops loops by themselves, DIR/linux a shim that
Linux can stand behind and a bzImage, and DIR/tour one with a bug to be found; DIR/hotplug.elf
takes CPUs that are plugged in; DIR/*.igvm are the healthy ones packed as IGVM files. Where the
reset page or the kernel differs, it stands beside the shim as NAME.reset.elf or
NAME.kernel.elf. DIR/rust.elf is built where rustc is.

The healthy assembly knows nothing of the others. A bug in it is a file in shim/gallery/ with
the parts that are broken: a part is what stands under a label, and takes the place of the one
under the same label. A dialect takes the place of the mailbox loop. A bug in C is a switch.
"""

import argparse
import importlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
SHIM_DIR = ROOT / "shim"
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
KERNEL = ("kernel",)
GALLERY = {
    "ack-before-vector": BOTH,
    "base-shared": KERNEL,
    "beyond-stack": KERNEL,
    "branch-into-tdcall": ("reset",),
    "command-then-id": BOTH,
    "dirty-reserved": BOTH,
    "exception-online": KERNEL,
    "hoisted-poll": BOTH,
    "id-then-command": BOTH,
    "id-unchecked": BOTH,
    "index-for-id": BOTH,
    "left-without-test": KERNEL,
    "lock-held": BOTH,
    "no-ack": BOTH,
    "no-pause": BOTH,
    "nx-vector": BOTH,
    "nxe-forgotten": ("shim",),
    "one-stack": KERNEL,
    "page-reused": BOTH,
    "rbp-mask": ("reset",),
    "secret-mask": BOTH,
    "shared-cell": BOTH,
    "stack-shared": BOTH,
    "start-page-written": ("shim",),
    "td-hlt": KERNEL,
    "token-compared": ("shim",),
    "token-kept": ("shim",),
    "token-shared": ("shim",),
    "token-summed": ("shim",),
    "truncated-vector": BOTH,
    "tss-shared": KERNEL,
    "unbounded-wait": BOTH,
    "ungated-command": BOTH,
    "vector-unmapped": BOTH,
    "version-lie": BOTH,
    "wrong-field-cleared": BOTH,
}
"""Slug of a bug -> which images it may change."""
DIALECTS = {
    "edk2": "dialects/cpuid.inc",
    "openhcl": "gallery/id-unchecked.inc",
    "td-shim": "dialects/cpuid.inc",
}
"""Firmware -> the parts that it has in another way besides its loop, as a file of shim/; "" for
none. openhcl_boot takes the host's word for an APIC id, EDK2 and td-shim ask by CPUID."""
HUNT = "tour/hunt"
"""The image of the tour's last lesson, and its parts in shim/: neither name nor parts tell what
is wrong."""
WHOLE_LOOP = "loops/one-load.S"
LOOPS = ("one-load", "ack-first")
"""Loops by themselves: the whole one, and others of which a file of shim/loops/ has the parts
that are broken."""
MULTIBOOT = {
    "kernel": ("start.S",),
    **{name: ("entry.S", "small.c", f"{name}.c") for name in ("smp", "nmi", "legacy")},
}
"""Programs for `qemu -kernel`."""
FLAGS_32 = (
    "-target", "x86-freestanding-none", "-gdwarf-4", "-fdebug-compilation-dir=.",
    "-std=c17", "-O2", "-ffreestanding", "-fno-pic", "-fno-stack-protector",
    "-fno-sanitize=all", "-fno-asynchronous-unwind-tables",
    "-mcpu=i686-mmx-sse-sse2+soft_float",
    "-Wall", "-Wextra", "-Werror", "-Wno-unused-command-line-argument",
)  # fmt: skip
LOOP = '#include "mailbox_loop.inc"'
LABEL = re.compile(r"^[A-Za-z_.][\w.]*(?=:)", re.MULTILINE)


class Variant(NamedTuple):
    """How an image differs from the healthy one."""

    slug: str
    switch: str
    """`BUG_NO_ACK`, where C asks for it."""
    files: dict[str, str]
    """Assembly with other parts than in shim/, by name."""

    def changes(self, source: str) -> bool:
        """Whether a source, or what it includes of assembly, is another one."""
        text = (SHIM_DIR / source).read_text()
        if source in self.files or self.switch in re.findall(r"\b(?:BUG|DIALECT)_\w+", text):
            return True
        return any(self.changes(name) for name in re.findall(r'#include "([\w-]+\.inc)"', text))


HEALTHY = Variant("", "", {})


def folder(name: str, *without: str) -> tuple[str, ...]:
    """All sources in a folder of shim/, without some."""
    found = (f"{name}/{place.name}" for place in sorted((SHIM_DIR / name).glob("*.[cS]")))
    return tuple(one for one in found if one not in without)


def kernel_sources() -> tuple[str, ...]:
    """The kernel's own files and what it shares with the shim."""
    return (*folder("kernel"), *SHARED)


def kernel_with(name: str, *without: str) -> tuple[str, ...]:
    """The kernel's files without some, and a folder's own: another main, and what it needs."""
    kept = (one for one in kernel_sources() if one not in without)
    return (*kept, *folder(name))


IMAGES = ("reset", "shim", "kernel", "os")
LINUX = (
    "linux/head.S", "linux/main.c", "linux/acpi.c", "linux/apic.c", "linux/print.c",
    "tdcall.c", "tdcall.S",
)  # fmt: skip
"""What both kernels have that are booted as Linux is."""
ANY_VECTOR = {"pagetable.c": "linux/any_vector.c"}
"""What is another file in the shim whose APs may be given a vector anywhere."""
_COMING = (("host.c", "absent"), ("ap.c", "ready"), ("tree.c", "offered"))
PLUGGED = {name: f"hotplug/firmware/{other}.c" for name, other in _COMING}
"""What is in that which takes plugged CPUs; and its reset vector is."""
SOURCES = {
    "reset": ("reset.S",), "shim": SHIM, "kernel": kernel_sources(), "loop": (WHOLE_LOOP,),
    "hotplug": kernel_with("hotplug", "kernel/main.c", "kernel/hypercall.c"),
    "os": kernel_with("os", "kernel/main.c", "kernel/offline.c"),
    "linux-shim": tuple(ANY_VECTOR.get(source, source) for source in SHIM),
    "hotplug-shim": tuple(PLUGGED.get(source, source) for source in SHIM),
    "linux": (*LINUX, "linux/secondary.S", "linux/smp.c"),
    "strategies": (*LINUX, *folder("strategies")),
    "waits": (*LINUX, *folder("waits"), *folder("strategies", "strategies/smp.c")),
}  # fmt: skip
SCRIPTS = {"reset": "reset", "loop": "loops/loop", "linux": "linux/kernel",
           "strategies": "linux/kernel", "waits": "linux/kernel"}  # fmt: skip
"""Linker scripts of what is not laid out by the shim's."""
KERNELS = ("kernel", "hotplug", "os")


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


def parts(place: Path) -> dict[str, str]:
    """The text under each label; what comes before the first has the key "". The debugger is
    told where each stands."""
    text = place.read_text()
    found = list(LABEL.finditer(text))
    starts = [0, *(label.start() for label in found)]
    names = ["", *(label[0] for label in found)]
    return {
        name: f'#line {line_at(text, start)} "{relative(place)}"\n{text[start:end]}'
        for name, start, end in zip(names, starts, [*starts[1:], None], strict=True)
    }


def line_at(text: str, place: int) -> int:
    """The number of the line that a character is on."""
    return text.count("\n", 0, place) + 1


def own_text(name: str) -> str:
    """A file of shim/ as a copy of it must be, for the debugger to find the original."""
    return "".join(parts(SHIM_DIR / name).values())


def mended(broken: dict[str, str]) -> dict[str, str]:
    """The files of assembly that have any of these parts, with them in place of their own."""
    found: dict[str, str] = {}
    missing = set(broken)
    for place in sorted((*SHIM_DIR.glob("*.S"), *SHIM_DIR.glob("*.inc"))):
        own = parts(place)
        missing -= own.keys()
        if own.keys() & broken.keys():
            found[place.name] = "".join(broken.get(name, text) for name, text in own.items())
    if missing:
        raise SystemExit(f"no part of shim/ has the label {min(missing)}")
    return found


def bug(slug: str) -> Variant:
    """One of the gallery."""
    return Variant(slug, switch_of("BUG", slug), others(f"gallery/{slug}.inc"))


def hunted() -> Variant:
    """The one in which the tour lets people find a bug."""
    return Variant(Path(HUNT).name, "", others(f"{HUNT}.inc"))


def others(name: str) -> dict[str, str]:
    """The files of assembly as they are with the parts of another file of shim/, if it is
    there."""
    place = SHIM_DIR / name
    changed = parts(place) if place.is_file() else {}
    changed.pop("", None)
    return mended(changed)


def dialect(slug: str) -> Variant:
    """The shim whose reset page has another firmware's loop; its own APs keep theirs."""
    page = others(DIALECTS[slug]).get("reset.S") or own_text("reset.S")
    loop = f'#include "dialects/{slug}.inc"'
    return Variant(slug, switch_of("DIALECT", slug), {"reset.S": page.replace(LOOP, loop)})


def loop(slug: str) -> Variant:
    """A loop by itself."""
    place = SHIM_DIR / f"loops/{slug}.inc"
    if not place.is_file():
        return HEALTHY
    broken = {name: text for name, text in parts(place).items() if name}
    own = parts(SHIM_DIR / WHOLE_LOOP)
    if broken.keys() - own.keys():
        raise SystemExit(f"no part of {WHOLE_LOOP} has a label of {slug}")
    text = "".join(broken.get(name, text) for name, text in own.items())
    return Variant(slug, "", {WHOLE_LOOP: text})


def beside(name: str) -> ModuleType:
    """Another module of this folder, which is a script's and no package's."""
    sys.path.insert(0, str(ROOT))
    return importlib.import_module(f"shim.{name}")


class Builder:
    """Compiles each file once for each variant that changes it, and links."""

    def __init__(self, out: Path, scratch: Path) -> None:
        self._out = out
        self._scratch = scratch
        self._flags = [*FLAGS, *path_maps()]

    def image(self, kind: str, name: str, variant: Variant = HEALTHY) -> None:
        """Link one image as `name`.elf; the debug information of a folder's is compressed."""
        objects = [self._object(source, variant) for source in SOURCES[kind]]
        linked = self._out / f"{name}.elf"
        linked.parent.mkdir(parents=True, exist_ok=True)
        options = ["--build-id=none", "-z", "max-page-size=4096"]
        options += ["-T", f"shim/{SCRIPTS.get(kind, 'shim')}.ld"]
        fixed = kind in ("reset", "linux", "strategies", "waits")
        options += [] if fixed else ["-pie", "--no-dynamic-linker", "-z", "norelro"]
        options += ["-e", "kernel_start"] if kind in KERNELS else []
        options += ["--compress-debug-sections=zlib"] if "/" in name else []
        zig(["ld.lld", *options, "-o", str(linked), *objects], self._scratch / "cache")

    def multiboot(self, name: str) -> None:
        """A 32-bit kernel."""
        linked = self._out / f"multiboot/{name}.elf"
        linked.parent.mkdir(parents=True, exist_ok=True)
        objects = []
        for source in MULTIBOOT[name]:
            objects.append(str(self._scratch / f"multiboot-{source}.o"))
            flags = [*FLAGS_32, *path_maps(), "-c", f"shim/multiboot/{source}"]
            zig(["cc", *flags, "-o", objects[-1]], self._scratch / "cache")
        options = ["-m", "elf_i386", "-T", "shim/multiboot/kernel.ld", "--build-id=none"]
        zig(["ld.lld", *options, "-o", str(linked), *objects], self._scratch / "cache")

    def bzimage(self, kind: str) -> None:
        """A kernel that is booted as Linux is."""
        self.image(kind, f"{kind}/bzImage")
        made = self._out / f"{kind}/bzImage.elf"
        made.with_suffix("").write_bytes(beside("bzimage").bzimage(made.read_bytes()))
        made.unlink()

    def variant(self, name: str, variant: Variant, kinds: tuple[str, ...]) -> None:
        """The shim as a variant, and beside it the reset page and the kernel if they are
        other ones."""
        self.image("shim", name, variant if "shim" in kinds else HEALTHY)
        for kind in ("reset", "kernel"):
            if kind in kinds and any(variant.changes(source) for source in SOURCES[kind]):
                self.image(kind, f"{name}.{kind}", variant)

    def _object(self, source: str, variant: Variant) -> str:
        if not variant.changes(source):
            variant = HEALTHY
        target = self._scratch / f"{source.replace('/', '-')}-{variant.slug}.o"
        if not target.exists():
            flags = [*self._flags, *([f"-D{variant.switch}"] if variant.switch else [])]
            place = SHIM_DIR / source
            if variant.files:
                place = self._copy(source, variant)
                flags += [f"-ffile-prefix-map={relative(place.parent)}=shim"]
            command = ["cc", *flags, "-c", relative(place), "-o", str(target)]
            zig(command, self._scratch / "cache")
        return str(target)

    def _copy(self, source: str, variant: Variant) -> Path:
        """A source in a folder where the variant's files are found before those of shim/."""
        folder = self._scratch / f"source-{variant.slug}"
        for name, text in {source: own_text(source), **variant.files}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return folder / source


def main() -> None:
    """Build all images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "samples")
    out = parser.parse_args().out.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        builder = Builder(out, Path(scratch))
        for kind in IMAGES:
            builder.image(kind, kind)
        for slug, kinds in GALLERY.items():
            builder.variant(f"gallery/{slug}", bug(slug), kinds)
        for slug in DIALECTS:
            builder.variant(f"dialects/{slug}", dialect(slug), BOTH)
        builder.variant(HUNT, hunted(), BOTH)
        builder.image("linux-shim", "linux/shim")
        builder.bzimage("linux")
        builder.bzimage("strategies")
        builder.bzimage("waits")
        for name in MULTIBOOT:
            builder.multiboot(name)
        builder.image("hotplug", "hotplug.kernel")
        vector = Variant("plugged", "", others("hotplug/firmware/reset_vector.inc"))
        builder.image("hotplug-shim", "hotplug", vector)
        for slug in LOOPS:
            builder.image("loop", f"loops/{slug}", loop(slug))
    beside("igvm").write_samples(out)  # laid out by the very loader that boots them
    if not beside("rust_shim").build_rust(out):
        print("no rustc for x86_64 Linux: samples/rust.elf stays as it is")


def switch_of(prefix: str, slug: str) -> str:
    """`no-ack` -> `BUG_NO_ACK`."""
    return f"{prefix}_{slug.replace('-', '_').upper()}"


if __name__ == "__main__":
    main()
