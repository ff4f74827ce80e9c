"""What the kernel takes from a device tree, with its own reader compiled for this computer."""

import ctypes
import subprocess
import sys
from typing import Final

import fdt
import pytest

from tests.house.tree import ROOT

HARNESS: Final = """
#include "kernel/kernel.h"
static uint8_t pool[CPU_MAX * CPU_BYTES] __attribute__((aligned(4096)));
void *allocate_pages(uint64_t bytes) { return bytes <= sizeof pool ? pool : 0; }
static int td;
bool is_trust_domain(void) { return td; }
#define OPEN __attribute__((visibility("default")))
OPEN int read_blob(const void *data) {
    uint8_t boot_params[PAGE_BYTES] = {0};
    fill_bytes(&info, 0, sizeof info);
    copy_bytes(boot_params + BP_SETUP_DATA, &data, sizeof data);
    return tree_read(boot_params);
}
OPEN int last_words(int cpuid_says_td) {
    fill_bytes(&info, 0, sizeof info);
    td = cpuid_says_td;
    serial_regardless();
    return info.has_serial && info.is_tdx == cpuid_says_td;
}
OPEN uint32_t count(void) { return info.cpu_count; }
OPEN int is_tdx(void) { return info.is_tdx; }
OPEN int has_serial(void) { return info.has_serial; }
OPEN uint64_t mailbox(void) { return info.mailbox; }
OPEN uint64_t reset_vector(void) { return info.reset_vector; }
OPEN const char *fault(void) { return info.mailbox_fault; }
OPEN uint32_t apic_id(uint32_t n) { return cpus[n].apic_id; }
OPEN const char *failure(uint32_t n) { return cpus[n].failure; }
"""

KEPT: Final[list[object]] = []
"""The blob of the last `read`: the kernel keeps pointers into it."""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The kernel's reader as a shared library of this computer."""
    place = tmp_path_factory.mktemp("tree")
    (place / "harness.c").write_text(HARNESS)
    library = place / "tree.so"
    sources = (place / "harness.c", "shim/kernel/tree.c", "shim/fdt_read.c")
    subprocess.run(
        [sys.executable, "-m", "ziglang", "cc", "-std=gnu17", "-O1", "-shared", "-fPIC",
         "-Ishim", *map(str, sources), "-o", str(library)],
        cwd=ROOT, check=True,
    )  # fmt: skip
    loaded = ctypes.CDLL(str(library))
    for name in ("mailbox", "reset_vector"):
        getattr(loaded, name).restype = ctypes.c_uint64
    for name in ("fault", "failure"):
        getattr(loaded, name).restype = ctypes.c_char_p
    loaded.apic_id.restype = ctypes.c_uint32
    return loaded


def tree(apic_ids: tuple[int, ...] = (0, 1), isolation: str = "vbs") -> fdt.FDT:
    """A tree like the shim's, without a mailbox."""
    blob = fdt.FDT()
    blob.set_property("isolation-type", isolation, path="/openhcl")
    for number, apic_id in enumerate(apic_ids):
        path = f"/cpus/cpu@{number + 1}"
        blob.set_property("reg", apic_id, path=path)
        blob.set_property("status", "okay", path=path)
    return blob


def with_mailbox(reg: tuple[int, ...]) -> fdt.FDT:
    """The same with a mailbox node whose reg has these cells."""
    blob, path = tree(), "/reserved-memory/wakeup_table@8000000"
    blob.set_property("compatible", "intel,wakeup-mailbox", path=path)
    blob.set_property("reg", list(reg), path=path)
    blob.set_property("apdbg,reset-vector", [1, 0x2000], path=path)
    return blob


def read(kernel: ctypes.CDLL, blob: bytes) -> bool:
    """Hand a blob to the kernel behind a setup_data header of type 2."""
    header = bytes(8) + (2).to_bytes(4, "little") + len(blob).to_bytes(4, "little")
    held = ctypes.create_string_buffer(header + blob + bytes(8))
    KEPT[:] = [held]
    return bool(kernel.read_blob(held))


def test_every_cpu_has_the_apic_id_of_its_node(kernel: ctypes.CDLL) -> None:
    ids = (0, 6, 4, 0x1234)
    assert read(kernel, tree(ids).to_dtb(version=17))
    assert [kernel.apic_id(n) for n in range(kernel.count())] == list(ids)


def test_two_thousand_cpus_are_read(kernel: ctypes.CDLL) -> None:
    assert read(kernel, tree(tuple(range(0, 4096, 2))).to_dtb(version=17))
    assert (kernel.count(), kernel.apic_id(2047)) == (2048, 4094)


def test_a_failed_cpu_keeps_its_reason(kernel: ctypes.CDLL) -> None:
    blob = tree((0, 1, 2))
    blob.set_property("status", "fail", path="/cpus/cpu@2")
    blob.set_property("apdbg,reason", "start refused", path="/cpus/cpu@2")
    blob.set_property("status", "fail", path="/cpus/cpu@3")
    assert read(kernel, blob.to_dtb(version=17))
    found = [kernel.failure(n) for n in range(3)]
    assert found == [None, b"start refused", b"no reason given"]


@pytest.mark.parametrize(("isolation", "tdx"), [("tdx", 1), ("vbs", 0), ("none", 0)])
def test_only_a_td_is_a_td(kernel: ctypes.CDLL, isolation: str, tdx: int) -> None:
    assert read(kernel, tree(isolation=isolation).to_dtb(version=17))
    assert (kernel.is_tdx() & 1, kernel.has_serial() & 1) == (tdx, 0)


@pytest.mark.parametrize("td", [0, 1])
def test_without_a_tree_the_last_words_go_the_way_that_cpuid_says(
    kernel: ctypes.CDLL, td: int
) -> None:
    assert kernel.last_words(td)


def test_the_serial_line_is_found_wherever_it_is(kernel: ctypes.CDLL) -> None:
    blob = tree()
    blob.set_property("compatible", "ns16550", path="/bus/ports/serial@3e8")
    assert read(kernel, blob.to_dtb(version=17))
    assert kernel.has_serial()


@pytest.mark.parametrize("size", [(0x1000,), (0, 0x1000)])
def test_a_mailbox_may_have_one_or_two_size_cells(
    kernel: ctypes.CDLL, size: tuple[int, ...]
) -> None:
    assert read(kernel, with_mailbox((0, 0x8000000, *size)).to_dtb(version=17))
    found = (kernel.mailbox(), kernel.reset_vector(), kernel.fault())
    assert found == (0x8000000, 0x1_0000_2000, None)


@pytest.mark.parametrize(
    ("reg", "words"),
    [
        ((0, 0x8000800, 0, 0x1000), b"mailbox ignored: not page aligned"),
        ((0, 0x8000000, 0, 0x2000), b"mailbox ignored: not one page"),
        ((0, 0x8000000, 1, 0x1000), b"mailbox ignored: not one page"),
        ((0x8000000, 0x1000), b"mailbox ignored: bad reg"),
    ],
)
def test_a_mailbox_that_linux_would_ignore_is_ignored(
    kernel: ctypes.CDLL, reg: tuple[int, ...], words: bytes
) -> None:
    assert read(kernel, with_mailbox(reg).to_dtb(version=17))
    assert (kernel.mailbox(), kernel.fault()) == (0, words)


def test_a_tree_cut_short_is_refused(kernel: ctypes.CDLL) -> None:
    whole = tree().to_dtb(version=17)
    assert not read(kernel, whole[: len(whole) // 2])
    assert not read(kernel, bytes(64))
    assert not read(kernel, tree(()).to_dtb(version=17))
