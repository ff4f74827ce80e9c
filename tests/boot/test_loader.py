"""What the loader leaves in memory is what openhcl_boot's contract asks for."""

import struct
import zlib
from itertools import pairwise
from pathlib import Path

import pytest

from emu.boot.contracts.contract import Loaded
from emu.boot.contracts.openhcl import lay_out
from emu.boot.dtb import read_tree
from emu.boot.image import Image, load_image
from emu.boot.layout import BootLayout
from emu.boot.parameters import COMMAND_LINE_MAX
from emu.boot.platform import CPUS_MAX
from emu.boot.roles import SAMPLE
from emu.boot.samples import samples_dir
from emu.errors import ImageError, PlatformError
from emu.hw.address import LARGE_BYTES, PAGE_BYTES, RESET_PAGE
from tests.boot.elf import CODE, EXECUTABLE, Load, Sym, image
from tests.platforms import load_platform

PLATFORMS = ("none", "sipi", "tdx", "vbs")
BASE = 0x800_0000
PARAMETERS = struct.Struct("<qqqQIIqQqQqQqQqqqqQqQqQqQ")
NAMES = (
    "kernel_entry", "cmdline", "initrd", "initrd_size", "initrd_crc", "isolation", "memory",
    "memory_size", "region", "region_size", "reserved", "reserved_size", "sidecar",
    "sidecar_size", "sidecar_entry", "used", "used_end", "bounce", "bounce_size", "log",
    "log_size", "heap", "heap_size", "persisted", "persisted_size",
)  # fmt: skip


def laid(
    name: str = "tdx",
    shim: Image | None = None,
    *,
    cpus: int = 4,
    mib: int | None = None,
    **more: object,
) -> BootLayout:
    """The samples, or another shim, on a packaged platform."""
    samples = samples_dir()
    return lay_out(Loaded(
        shim or load_image(samples / "shim.elf"), load_image(samples / "kernel.elf"),
        load_image(samples / "reset.elf"), load_platform(name, cpus=cpus, memory_mib=mib),
        **more,  # type: ignore[arg-type]
    ))  # fmt: skip


def memory(layout: BootLayout, gpa: int, size: int) -> bytes:
    """Bytes of guest memory as the loader leaves it."""
    found = bytearray(size)
    for start, data in layout.chunks:
        low, high = max(start, gpa), min(start + len(data), gpa + size)
        if low < high:
            found[low - gpa : high - gpa] = data[low - start : high - start]
    return bytes(found)


def regions(layout: BootLayout) -> dict[str, tuple[int, int]]:
    """Name -> (GPA, bytes)."""
    return {region.name: (region.gpa, region.size) for region in layout.regions}


def parameters(layout: BootLayout) -> dict[str, int]:
    """ShimParamsRaw by name, with its offsets as the file has them."""
    page = regions(layout)["shim parameters"][0]
    raw = memory(layout, page, PARAMETERS.size)
    return dict(zip(NAMES, PARAMETERS.unpack(raw), strict=True))


def u64(layout: BootLayout, gpa: int) -> int:
    """One entry of a table."""
    return int.from_bytes(memory(layout, gpa, 8), "little")


def walk(layout: BootLayout, cr3: int, address: int) -> tuple[int, int] | None:
    """(GPA, entry) that a 4-level walk of the loader's tables gives, None where none is."""
    table = cr3
    for shift in (39, 30, 21, 12):
        entry = u64(layout, table + (address >> shift & 0x1FF) * 8)
        if not entry & 1:
            return None
        table = entry & 0xF_FFFF_FFFF_F000
        if shift == 12 or entry & 0x80:
            inside = (1 << shift) - 1
            return table & ~inside | address & inside, entry
    raise AssertionError("four levels end in a leaf")


# -- where things lie -------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLATFORMS)
@pytest.mark.parametrize("cpus", [1, 4, CPUS_MAX])
def test_nothing_overlaps_and_everything_lies_in_memory(name: str, cpus: int) -> None:
    layout = laid(name, cpus=cpus, initrd=b"x" * 5000)
    chunks = sorted((gpa, gpa + len(data)) for gpa, data in layout.chunks)
    assert all(before[1] <= after[0] for before, after in pairwise(chunks))
    for start, end in chunks:
        assert any(ram <= start and end <= ram + size for ram, size in layout.ram)
    extents = sorted((region.gpa, region.gpa + region.size) for region in layout.regions)
    assert all(before[1] <= after[0] for before, after in pairwise(extents))


def test_the_order_of_the_regions_is_that_of_the_field() -> None:
    layout = laid("tdx", initrd=b"x")
    assert [region.name for region in layout.regions] == [
        "persisted state", "bounce buffer", "kernel", "shim", "initrd", "GDT",
        "shim parameters", "command line", "reserved", "parameter region", "log", "heap",
        "page tables", "reset page",
    ]  # fmt: skip
    found = regions(layout)
    assert found["persisted state"] == (BASE, LARGE_BYTES)
    assert found["bounce buffer"] == (BASE + LARGE_BYTES, LARGE_BYTES)
    assert found["kernel"][0] % LARGE_BYTES == found["shim"][0] % LARGE_BYTES == 0
    assert found["parameter region"][1] == 362 * PAGE_BYTES
    assert found["log"][1] == 2 * PAGE_BYTES


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_free_large_page_is_left_above_what_is_used(name: str) -> None:
    layout = laid(name)
    shim, found = regions(layout)["shim"][0], parameters(layout)
    end = shim + found["used_end"]
    start, size = next(extent for extent in layout.ram if extent[0] == BASE)
    assert end % LARGE_BYTES == 0
    assert end + LARGE_BYTES <= start + size


def test_only_what_the_platform_has_is_there() -> None:
    assert laid("vbs").ram == ((BASE, 64 << 20),)
    assert laid("sipi").ram == ((0, 640 << 10), (BASE, 64 << 20))
    assert laid("tdx").ram == ((BASE, 64 << 20), (RESET_PAGE, PAGE_BYTES))
    assert "bounce buffer" not in regions(laid("vbs"))
    assert (laid("tdx").mailbox_gpa, laid("vbs").mailbox_gpa) == (RESET_PAGE, None)


@pytest.mark.parametrize("name", PLATFORMS)
def test_the_symbols_of_all_images_are_there_at_run_addresses(name: str) -> None:
    layout = laid(name)
    for item in layout.placed:
        assert regions(layout).get(item.name, (RESET_PAGE, 0))[0] == item.start
    shim, kernel = regions(layout)["shim"], regions(layout)["kernel"]
    assert shim[0] <= layout.symbols.find("shim_main")[0] < sum(shim)
    assert kernel[0] <= layout.symbols.find("kernel:kernel_start")[0] < sum(kernel)
    places = layout.symbols.find("reset:mailbox_wait")
    assert [place & ~0xFFF for place in places] == ([RESET_PAGE] if name == "tdx" else [])


def test_every_milestone_is_a_symbol_of_the_samples() -> None:
    names = laid("tdx").symbols
    of_os = {one.name for one in load_image(samples_dir() / "os.elf").symbols}
    ours = [point.name for point in SAMPLE.points]
    missing = [symbol for symbol in ours if not names.find(symbol)]
    assert [symbol for symbol in missing if symbol not in of_os] == []
    assert len(set(ours)) == len(ours)


# -- what the shim is told --------------------------------------------------------------------


@pytest.mark.parametrize("name", PLATFORMS)
def test_the_parameters_lead_to_the_regions(name: str) -> None:
    initrd = bytes(range(256)) * 33
    layout = laid(name, initrd=initrd)
    found, told = regions(layout), parameters(layout)
    shim = found["shim"][0]
    for key, region in (
        ("reserved", "reserved"), ("region", "parameter region"), ("log", "log"),
        ("heap", "heap"), ("persisted", "persisted state"),
    ):  # fmt: skip
        assert (shim + told[key], told[f"{key}_size"]) == found[region]
    assert (shim + told["initrd"], told["initrd_size"]) == (found["initrd"][0], len(initrd))
    assert told["initrd_crc"] == zlib.crc32(initrd)
    assert memory(layout, shim + told["initrd"], len(initrd)) == initrd
    assert told["isolation"] == (3 if name == "tdx" else 1)
    assert (shim + told["memory"], told["memory_size"]) == (BASE, 64 << 20)
    assert shim + told["used"] == BASE
    assert told["sidecar_size"] == 0
    assert told["persisted_size"] >= 0x14000
    kernel = layout.symbols.find("kernel:_start") or layout.symbols.find("kernel:kernel_start")
    assert shim + told["kernel_entry"] == kernel[0]
    if name == "tdx":
        assert (shim + told["bounce"], told["bounce_size"]) == found["bounce buffer"]
    else:
        assert (told["bounce"], told["bounce_size"]) == (0, 0)


def test_an_absent_initrd_has_no_size_and_no_sum() -> None:
    told = parameters(laid("none"))
    assert (told["initrd_size"], told["initrd_crc"]) == (0, 0)


def test_the_command_line_is_there_as_typed() -> None:
    layout = laid("none", cmdline="mailbox=off naïve")
    told = parameters(layout)
    at = regions(layout)["shim"][0] + told["cmdline"]
    policy, length = struct.unpack("<HH", memory(layout, at, 4))
    assert policy == 0
    assert memory(layout, at + 4, length).decode() == "mailbox=off naïve"


@pytest.mark.parametrize("name", PLATFORMS)
def test_the_host_tree_lies_in_its_window_and_is_whole(name: str) -> None:
    layout = laid(name)
    tree = read_tree(memory(layout, regions(layout)["parameter region"][0] + 0x28000, 0x40000))
    assert tree.broken == ""
    cpus = tree.find("/cpus")
    assert cpus is not None and len(cpus.children) == 4


def test_a_tree_of_the_user_replaces_ours() -> None:
    layout = laid("none", host_dtb=b"broken on purpose")
    region = regions(layout)["parameter region"][0]
    assert memory(layout, region + 0x28000, 24) == b"broken on purpose".ljust(24, b"\0")


@pytest.mark.parametrize("name", PLATFORMS)
def test_the_imported_regions_ascend_and_are_all_that_is_used(name: str) -> None:
    layout = laid(name)
    page = regions(layout)["parameter region"][0] + 0x68000
    assert memory(layout, page, 48) == bytes(48), "no region is hashed"
    rows = []
    for index in range(169):
        first, count, accepted = struct.unpack(
            "<QQB7x", memory(layout, page + 48 + 24 * index, 24)
        )
        if not count:
            break
        rows.append((first * PAGE_BYTES, count * PAGE_BYTES))
        assert accepted == 1
    assert tuple(rows) == layout.accepted
    assert rows == sorted(rows)
    for item in layout.regions:
        ours = item.name not in ("persisted state", "bounce buffer")
        inside = any(a <= item.gpa and item.gpa + item.size <= a + n for a, n in rows)
        assert inside is ours, item.name


# -- how the BSP begins -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["none", "sipi", "vbs"])
def test_the_bsp_begins_in_long_mode_at_the_shims_entry(name: str) -> None:
    layout = laid(name)
    entry = layout.entry
    found = regions(layout)
    assert (entry.kind, entry.rip) == ("long", layout.symbols.find("shim:_start")[0])
    assert found["shim"][0] + entry.rsi == found["shim parameters"][0]
    assert (entry.cr3, entry.gdt_base) == (found["page tables"][0], found["GDT"][0])
    assert (entry.cr0, entry.cr4, entry.efer) == (0x80000021, 0x40060, 0xD00)
    assert (entry.gdt_limit, entry.code_selector, entry.data_selector) == (31, 0x10, 0x18)
    code, data = struct.unpack("<16xQQ", memory(layout, entry.gdt_base, 32))
    assert code >> 53 & 1 and code >> 43 & 1, "64-bit code"
    assert not data >> 43 & 1 and data >> 41 & 1, "data that can be written"


def test_a_td_begins_at_the_reset_vector_and_its_page_leads_to_the_shim() -> None:
    layout, plain = laid("tdx"), laid("vbs")
    assert (layout.entry.kind, layout.entry.rip, layout.entry.efer) == (
        "reset-vector", 0xFFFFFFF0, 0x900,
    )  # fmt: skip
    page = memory(layout, RESET_PAGE, PAGE_BYTES)
    found = regions(layout)
    fields = struct.unpack_from("<HHIHHQQH4xHQQQQ", page, 0x14)
    assert fields == (
        0x18, 0xF, 0xFFFFF098, 0, 0, 0, layout.symbols.find("shim:_start")[0], 0x10, 31,
        found["GDT"][0], 0, 0, found["shim parameters"][0] - found["shim"][0],
    )  # fmt: skip
    tables = found["page tables"][0]
    assert struct.unpack_from("<QQQI", page, 0x78) == (
        plain.entry.cr0, tables, plain.entry.cr4, tables,
    )  # fmt: skip
    assert page[:0x10] == bytes(16), "the mailbox is empty"


@pytest.mark.parametrize("name", PLATFORMS)
@pytest.mark.parametrize("mib", [None, 1024])
def test_the_tables_map_all_memory_to_itself(name: str, mib: int | None) -> None:
    layout = laid(name, mib=mib)
    tables = regions(layout)["page tables"]
    start, size = next(extent for extent in layout.ram if extent[0] == BASE)
    for address in (*range(start, start + size, LARGE_BYTES), start + size - 1):
        assert walk(layout, tables[0], address) == (address, address & -LARGE_BYTES | 0xE3)
    assert walk(layout, tables[0], start + size) is None
    data = next(data for gpa, data in layout.chunks if gpa == tables[0])
    assert len(data) <= tables[1]


def test_each_platform_maps_its_own_besides() -> None:
    td, plain, sipi = (laid(name) for name in ("tdx", "vbs", "sipi"))
    assert walk(td, regions(td)["page tables"][0], 0x20_0000) == (0x20_0000, 0x20_00E3)
    assert walk(td, regions(td)["page tables"][0], RESET_PAGE) == (RESET_PAGE, 0xFFFFF063)
    for address in (0, 0x20_0000, RESET_PAGE):
        assert walk(plain, plain.entry.cr3, address) is None
    assert walk(sipi, sipi.entry.cr3, 0x8000) == (0x8000, 0xE3)


# -- other images -----------------------------------------------------------------------------


def linked(address: int, size: int = 0x5000) -> Image:
    """An executable with a fixed address."""
    symbols = (Sym("_start", address),)
    return image(Load(address, CODE, size), kind=EXECUTABLE, symbols=symbols)


@pytest.mark.parametrize(
    ("address", "base"),
    [(0x10_0000, 0), (0x20_1000, 0), (BASE, BASE), (BASE + 0x30_0000, BASE)],
)
@pytest.mark.parametrize("name", PLATFORMS)
def test_an_executable_stays_where_it_is_linked(name: str, address: int, base: int) -> None:
    layout = laid(name, linked(address))
    found, told = regions(layout), parameters(layout)
    assert layout.symbols.find("shim:_start") == [address]
    assert memory(layout, address, len(CODE)) == CODE
    assert address + told["memory"] == address + told["used"] == base
    assert all(gpa >= address for gpa, _ in found.values())
    assert address + told["used_end"] > max(
        gpa + size for region, (gpa, size) in found.items() if region != "reset page"
    )
    assert (address, 0x5000) == found["shim"]
    accepted = layout.accepted
    assert any(gpa <= address and address + 0x5000 <= gpa + size for gpa, size in accepted)
    assert walk(layout, found["page tables"][0], address) == (
        address, address & -LARGE_BYTES | 0xE3,
    )  # fmt: skip


def test_what_does_not_fit_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        ImageError, match=r"^tiny.elf: is linked at 0x40000000 to 0x40005000, and"
    ):
        laid("none", linked(0x4000_0000))
    with pytest.raises(ImageError, match=r"memory lies at 0x0 to 0x4000000: move it"):
        laid("none", linked(0x100_0000, 128 << 20))
    with pytest.raises(
        PlatformError, match=r"^64 MiB of memory are not enough: the loader needs"
    ):
        laid("tdx", initrd=bytes(60 << 20))
    with pytest.raises(PlatformError, match=r"^8 MiB of memory are not enough"):
        laid("tdx", mib=8)
    with pytest.raises(PlatformError, match=r"^--cmdline: 4,093 bytes, 4,092 fit"):
        laid("none", cmdline="x" * (COMMAND_LINE_MAX + 1))
    with pytest.raises(PlatformError, match=r"^--cmdline: is no UTF-8 text"):
        laid("none", cmdline="\udcff")
    with pytest.raises(PlatformError, match=r"^host device tree: 262,145 bytes, 262,144 fit"):
        laid("none", host_dtb=bytes((256 << 10) + 1))


def test_a_kernel_must_be_position_independent_and_may_be_missing() -> None:
    shim, platform = load_image(samples_dir() / "shim.elf"), load_platform("none")
    with pytest.raises(ImageError, match=r"^tiny.elf: a kernel must be position independent"):
        lay_out(Loaded(shim, linked(BASE), None, platform))
    layout = lay_out(Loaded(shim, None, None, platform))
    stub = regions(layout)["kernel stub"][0]
    assert regions(layout)["shim"][0] + parameters(layout)["kernel_entry"] == stub
    assert memory(layout, stub, 3) == b"\xf4\xeb\xfd", "hlt; jmp"


@pytest.mark.parametrize("address", [0xFFFF_E000, 0xFFFF_F800, 0x1000])
def test_a_reset_page_must_be_one_page_at_its_place(address: int) -> None:
    shim, platform = load_image(samples_dir() / "shim.elf"), load_platform("tdx")
    with pytest.raises(
        ImageError, match=r"^tiny.elf: a reset page lies from 0xfffff000 to 4 GiB"
    ):
        lay_out(Loaded(shim, None, linked(address, 0x1000), platform))


def test_a_td_needs_a_reset_page() -> None:
    shim, platform = load_image(samples_dir() / "shim.elf"), load_platform("tdx")
    with pytest.raises(PlatformError, match="starts at the reset vector, and no reset page"):
        lay_out(Loaded(shim, None, None, platform))


def test_the_same_files_give_the_same_layout() -> None:
    first, second = laid("tdx"), laid("tdx")
    assert (first.chunks, first.ram, first.entry) == (second.chunks, second.ram, second.entry)
