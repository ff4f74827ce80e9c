"""The sample kernel with the lock that most kernels begin with: an exchange in a loop.

The kernel's own queue lock lets every CPU poll a cell of its own, which nobody else stores to
while it waits; here all CPUs store to the one word that they wait for.
"""

import importlib.util
import shutil
from typing import Final

import pytest

from emu import open_session
from tests import ways
from tests.house.tree import ROOT

PLAIN: Final = """
#ifndef KERNEL_LOCK_H
#define KERNEL_LOCK_H

#include "../arch.h"

struct lock_place {
    uint64_t unused;
};

struct queue_lock {
    uint32_t taken;
};

static inline void lock_take(struct queue_lock *lock, struct lock_place *own)
{
    own->unused = 0;
    while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_SEQ_CST))
        cpu_pause();
}

static inline void lock_give(struct queue_lock *lock, struct lock_place *own)
{
    own->unused = 1;
    store_release32(&lock->taken, 0);
}

#endif
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The kernel's image, from a copy of the guest code in which only the lock differs."""
    place = tmp_path_factory.mktemp("plain")
    shutil.copytree(ROOT / "shim", place / "shim")
    (place / "shim" / "kernel" / "lock.h").write_text(PLAIN)
    spec = importlib.util.spec_from_file_location(
        "build_of_a_copy", place / "shim" / "build.py"
    )
    assert spec is not None and spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    (place / "scratch").mkdir()
    build.Builder(place, place / "scratch").image("kernel", "kernel")
    return str(place / "kernel.elf")


def ends(kernel: str, platform: str, waiting: bool) -> tuple[str, list[str]]:
    """How a boot of four CPUs ends, and how far each has come."""
    session = open_session(platform=platform, cpus=4, kernel=kernel)
    session.machine.waits.on = waiting
    ways.run(session, "run")
    assert session.verdict is not None
    board = session.machine.board
    return session.verdict.outcome, [board.aps.of(cpu.id) for cpu in board.cpus]


@pytest.mark.parametrize("platform", ["sipi", "tdx", "vbs", "none"])
def test_a_kernel_with_a_plain_lock_brings_all_online(kernel: str, platform: str) -> None:
    assert ends(kernel, platform, True) == ("booted", ["online"] * 4)


@pytest.mark.breadth
def test_it_does_so_without_sleep_as_well(kernel: str) -> None:
    assert ends(kernel, "tdx", False) == ("booted", ["online"] * 4)
