"""Small guests in C, compiled where the tests run: real debug information, known lines."""

import os
import subprocess
import sys
from pathlib import Path

SOURCE = """\
typedef unsigned int u32;
enum ap_state { AP_NOT_STARTED, AP_STARTING, AP_FAILED = 6 };
enum colour { RED, GREEN };
struct inner { u32 x; };
struct ap_record {
    u32 state;
    volatile enum colour colour;
    int reason;
    struct inner inner;
    unsigned char bytes[4];
    u32 table[2][3];
    void *next;
};
typedef struct { unsigned short word; } unnamed;
struct ap_record records[2];
unnamed other;
u32 total;

__attribute__((noinline)) void work(u32 count) {
    total += count * other.word;
}

__attribute__((noinline)) void dropped(void) {
    total = 99;
}

void _start(void) {
    work(records[0].state == AP_FAILED);
    for (;;) {
        __asm__ volatile("pause");
    }
}
"""
"""Line numbers matter: `work` has line 20, `_start` lines 28 and 30."""

FLAGS = (
    "-target", "x86_64-freestanding-none", "-std=c17", "-O1", "-g", "-ffreestanding",
    "-fno-sanitize=all", "-fno-stack-protector", "-mno-red-zone", "-ffunction-sections",
    "-nostdlib", "-Wl,--gc-sections",
)  # fmt: skip


def compiled(folder: Path, *flags: str, text: str = SOURCE, file: str = "guest.c") -> Path:
    """An ELF file `out/guest.elf` in the folder, from `src/guest.c` beside `out`."""
    source = folder / "src" / file
    source.parent.mkdir()
    source.write_text(text, encoding="utf-8")
    (folder / "out").mkdir()
    cache = str(folder / "cache")
    environment = {"ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
    command = (sys.executable, "-m", "ziglang", "cc", *FLAGS, *flags)
    subprocess.run(
        (*command, "-o", "out/guest.elf", f"src/{file}"),
        cwd=folder, env={**os.environ, **environment}, check=True, timeout=120,
    )  # fmt: skip
    return folder / "out" / "guest.elf"
