"""The kernel's lock and its page allocator, compiled for this computer and tried here."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.house.tree import ROOT

LOCK: Final = r"""
#include "kernel/lock.h"
#include <pthread.h>
#include <stdio.h>
enum { THREADS = 4, TURNS = 3000 };
static struct queue_lock lock;
static volatile unsigned counter;
static void *worker(void *unused)
{
    struct lock_place place;
    for (int turn = 0; turn < TURNS; turn++) {
        lock_take(&lock, &place);
        counter++;
        lock_give(&lock, &place);
    }
    return unused;
}
int main(void)
{
    pthread_t threads[THREADS];
    for (int n = 0; n < THREADS; n++) pthread_create(&threads[n], 0, worker, 0);
    for (int n = 0; n < THREADS; n++) pthread_join(threads[n], 0);
    printf("%u %d\n", counter, lock.last == 0);
}
"""

MEMORY: Final = r"""
#include "kernel/kernel.h"
#include <stdio.h>
static uint8_t ram[64 * PAGE_BYTES] __attribute__((aligned(4096)));
static uint64_t tables[512] __attribute__((aligned(4096)));
uint8_t __ehdr_start[1], _end[1];
uint64_t fake_cr3(void) { return (uint64_t)tables; }
static void region(uint8_t *params, uint64_t base, uint64_t bytes, uint32_t type)
{
    struct e820_entry entry = {base, bytes, type};
    uint8_t *at = params + BP_E820_TABLE + params[BP_E820_COUNT]++ * sizeof entry;
    copy_bytes(at, &entry, sizeof entry);
}
int main(void)
{
    uint8_t *params = ram + 60 * PAGE_BYTES;  /* boot data lies inside the usable range */
    region(params, (uint64_t)ram, 4 * PAGE_BYTES, E820_RESERVED);
    region(params, (uint64_t)ram + 4 * PAGE_BYTES, 60 * PAGE_BYTES, E820_RAM);
    region(params, (uint64_t)ram, 3 * PAGE_BYTES, E820_RAM);
    memory_init(params);
    for (int n = 0; n < 5; n++) {
        uint8_t *got = allocate_pages(n == 0 ? 2 * PAGE_BYTES : n == 1 ? 2 * PAGE_BYTES + 1
                                      : n == 2 ? 50 * PAGE_BYTES : n == 3 ? 1 : 4 * PAGE_BYTES);
        printf("%ld ", got ? (long)((got - ram) / PAGE_BYTES) : -1);
    }
}
"""


def run_here(place: Path, source: str, *more: str) -> str:
    """Compile a program for this computer and return what it prints."""
    program = place / "program"
    (place / "program.c").write_text(source)
    subprocess.run(
        [sys.executable, "-m", "ziglang", "cc", "-std=gnu17", "-O1", "-Ishim", "-pthread",
         "-fno-sanitize=all", *more, str(place / "program.c"), "-o", str(program)],
        cwd=ROOT, check=True,
    )  # fmt: skip
    result = subprocess.run(
        [str(program)], capture_output=True, check=True, text=True, timeout=60
    )
    return result.stdout.strip()


def test_no_increment_is_lost_under_the_lock(tmp_path: Path) -> None:
    assert run_here(tmp_path, LOCK) == "12000 1"


def test_pages_come_from_the_largest_range_around_what_is_in_use(tmp_path: Path) -> None:
    """Page 60 holds boot_params, 4 is the first usable one: 61-64 are taken, then below 60."""
    (tmp_path / "memory.c").write_text(
        (ROOT / "shim/kernel/memory.c")
        .read_text()
        .replace("read_cr3()", "fake_cr3()")
        .replace('#include "kernel.h"', '#include "kernel/kernel.h"\nuint64_t fake_cr3(void);')
    )
    printed = run_here(tmp_path, MEMORY, str(tmp_path / "memory.c"))
    assert printed == "62 57 7 6 -1"
