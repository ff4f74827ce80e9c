"""The shim in Rust (shim/rust/), where there is a compiler for it."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUST_TARGET = "x86_64-unknown-linux-gnu"
RUST_FLAGS = (
    "--edition=2021", "--crate-name=rust_shim", "--crate-type=bin", f"--target={RUST_TARGET}",
    "-Copt-level=2", "-Cdebuginfo=2", "-Cpanic=abort", "-Clto=fat", "-Ccodegen-units=1",
    "-Csymbol-mangling-version=v0", "-Crelocation-model=pie", "-Ctarget-cpu=x86-64",
    "-Cforce-unwind-tables=yes", "-Clinker-flavor=ld.lld", "-Clink-self-contained=no",
    "-Cdefault-linker-libraries=no",
    "--remap-path-prefix", f"{ROOT}=.",
)  # fmt: skip
"""For the target that a toolchain on Linux has; nothing of Linux is used."""
RUST_LINK = (
    "-Tshim/rust/rust.ld", "-pie", "--no-dynamic-linker", "--build-id=none", "-znorelro",
    "-zmax-page-size=4096", "--gc-sections", "--compress-debug-sections=zlib",
)  # fmt: skip


def build_rust(out: Path) -> bool:
    """The shim in Rust, with the linker that comes with the compiler; False where there is no
    such compiler, and the committed image stays. Another version makes other bytes."""
    rustc = shutil.which("rustc")
    if rustc is None:
        return False
    asked = [rustc, "--print", "sysroot"]
    home = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    linker = Path(home) / "lib/rustlib" / RUST_TARGET / "bin/rust-lld"
    if not linker.is_file():
        return False
    link = [f"-Clink-arg={word}" for word in RUST_LINK]
    command = [rustc, *RUST_FLAGS, f"-Clinker={linker}", *link, "shim/rust/main.rs"]
    subprocess.run([*command, "-o", str(out / "rust.elf")], cwd=ROOT, check=True)
    return True
