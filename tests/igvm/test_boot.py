"""A machine that an IGVM file describes is the machine that it was packed from."""

import resource
import struct
from pathlib import Path
from typing import Final

import pytest

from emu import Session, open_session
from emu.debug.reproduce import reproduction
from emu.errors import ApdbgError
from emu.hw.address import Gpa
from shim.igvm import NATIVE, TDX, VBS, File, packed

KINDS: Final = {"tdx": TDX, "vbs": VBS, "none": VBS}
SYMBOLS: Final = {
    name: (
        "samples/shim.elf", "samples/kernel.elf",
        *(["samples/reset.elf"] if name == "tdx" else []),
    )
    for name in KINDS
}  # fmt: skip
HLT_AT: Final = 0x820_0000
PAGE: Final = {0x20010: HLT_AT, 0x40000: 0x8000_0021, 0x40003: 0x20, 0x80001: 0xD00}


def pair(tmp_path: Path, platform: str, symbols: tuple[str, ...]) -> tuple[Session, Session]:
    """(the sample as ELF files, the same as an IGVM file)."""
    plain = open_session(platform=platform, cpus=4)
    place = tmp_path / f"{platform}.igvm"
    place.write_bytes(packed(plain.machine.board.layout, KINDS[platform]).bytes())
    return plain, open_session(str(place), platform=platform, cpus=4, symbols=symbols)


@pytest.mark.parametrize("platform", KINDS)
def test_the_boot_is_the_same_to_the_bit(tmp_path: Path, platform: str) -> None:
    plain, igvm = pair(tmp_path, platform, SYMBOLS[platform])
    assert plain.digest() == igvm.digest()
    for session in (plain, igvm):
        session.do("run")
    assert plain.digest() == igvm.digest()
    assert plain.verdict == igvm.verdict and igvm.verdict is not None
    assert igvm.verdict.outcome == "booted"
    assert igvm.do("print mailbox_wait").reply == plain.do("print mailbox_wait").reply


@pytest.mark.parametrize("platform", KINDS)
def test_without_symbols_it_boots_and_nothing_false_is_said(
    tmp_path: Path, platform: str
) -> None:
    plain, igvm = pair(tmp_path, platform, ())
    plain.do("run")
    igvm.do("run")
    assert igvm.verdict is not None and igvm.verdict.outcome == "booted"
    assert igvm.machine.board.tick == plain.machine.board.tick
    assert not igvm.findings()


def test_the_command_that_repeats_a_run_names_the_symbols(tmp_path: Path) -> None:
    _, igvm = pair(tmp_path, "vbs", SYMBOLS["vbs"])
    igvm.do("run")
    command = reproduction(igvm.desk).command
    assert "--symbols samples/shim.elf --symbols samples/kernel.elf" in command


def halts(**more: bytes) -> File:
    """One page of code for VBS that halts."""
    return File().platform(VBS).vbs_context(PAGE).page(HLT_AT, b"\xf4\xeb\xfd")


def opened(tmp_path: Path, file: File, **options: object) -> Session:
    place = tmp_path / "some.igvm"
    place.write_bytes(file.bytes())
    return open_session(str(place), **{"platform": "vbs", "cpus": 1, **options})  # type: ignore[arg-type]


PARAMETERS: Final = (
    (0x307, 0x0), (0x30E, 0x40), (0x30A, 0x80), (0x313, 0xC0), (0x30C, 0x100), (0x309, 0x200),
    (0x308, 0x400), (0x30F, 0x600), (0x310, 0x700), (0x312, 0x1000),
)  # fmt: skip
"""(type, offset in the area)."""


def test_the_host_fills_in_what_it_knows(tmp_path: Path) -> None:
    """igvm_defs/src/lib.rs: VP_COUNT is a u32, MMIO_RANGES two pairs of page and count,
    ENVIRONMENT_INFO a u32, MEMORY_MAP 24 bytes an entry up to one without pages."""
    file = halts().area(7, 0x3000)
    for kind, at in PARAMETERS:
        file.header(kind, struct.pack("<II", 7, at))
    file.header(0x305, struct.pack("<QIIII", HLT_AT, 1, 0x20_0000, 1, 0))
    session = opened(tmp_path, file.insert(7, 0x830_0000), cpus=3, cmdline="quiet x=1")
    board = session.machine.board
    area = board.ram.guest_bytes(0x830_0000, 0x3000)
    assert area is not None
    assert struct.unpack_from("<I", area) == (3,)
    assert area[0x40:0x4A] == b"quiet x=1\0"
    assert struct.unpack_from("<4Q", area, 0x80) == (0xF8000, 0x4000, 0xFE0000, 0x10000)
    assert struct.unpack_from("<I", area, 0xC0) == (0,), "memory is private at first"
    rows = list(struct.iter_unpack("<QQHHI", area[0x100 : 0x100 + 24 * 4]))
    ((start, size),) = board.layout.ram
    assert rows == [
        (start >> 12, HLT_AT - start >> 12, 0, 0, 0), (HLT_AT >> 12, 0x200, 3, 0, 0),
        (HLT_AT + 0x20_0000 >> 12, start + size - HLT_AT - 0x20_0000 >> 12, 0, 0, 0),
        (0, 0, 0, 0, 0),
    ]  # fmt: skip
    names = [area[at : at + 4] for at in (0x200, 0x400, 0x600, 0x700)]
    assert names == [b"APIC", b"SRAT", b"SLIT", b"PPTT"]
    assert area[0x1000:0x1004] == b"\xd0\x0d\xfe\xed"
    assert b"quiet x=1\0" in area[0x1000:], "bootargs"
    assert board.layout.host_dtb_gpa == 0x830_1000


def test_a_shared_page_lies_where_the_host_sees_it(tmp_path: Path) -> None:
    file = File().platform(TDX).page(0xFFFF_F000, b"\xf4")
    file.page(0x820_0000, b"for the host", flags=4).page(0x820_1000, b"for the guest")
    board = opened(tmp_path, file, platform="tdx").machine.board
    bank = board.ram.bank(0x820_0000)
    assert bank is not None
    offset = 0x820_0000 - bank.gpa
    assert board.memory.read(bank.shared_hpa + offset, 12) == b"for the host"
    assert board.memory.read(bank.hpa + offset, 12) == bytes(12)
    assert board.ram.state(Gpa(0x820_0000)) == "shared", "a TD reads it there before it accepts"
    assert board.ram.state(Gpa(0x820_1000)) == "private"


REFUSED = [
    (File().platform(TDX).page(HLT_AT), "is for TDX, not for platform vbs"),
    (File().platform(VBS), "lays no page into memory"),
    (File().platform(VBS).page(HLT_AT), "no VP_CONTEXT says where its first CPU begins"),
    (File(2, architecture=1).platform(VBS).page(HLT_AT), "is for AArch64, and apdbg has"),
    (halts().page(0x7000_0000), "needs memory at 0x70000000 to 0x70001000, and there is "),
    (halts().header(0x305, struct.pack("<QIIII", 0x7000_0000, 1, 4096, 0, 0)),
     "needs memory at 0x70000000 to 0x70001000, and there is "),
    (halts().area(0, 4096).header(0x312, struct.pack("<II", 0, 0xFF0)).insert(0, 0x8300000),
     "DEVICE_TREE at 0x88: "),
    (halts().area(0, 4096).header(0x30E, struct.pack("<II", 0, 0xFFF)).insert(0, 0x8300000)
     .header(0x309, struct.pack("<II", 0, 0)), "MADT at 0xb0: there is no area 0"),
    (halts().area(0, 4096).header(0x309, struct.pack("<II", 0, 0xFF0)).insert(0, 0x8300000),
     "MADT at 0x88: "),
    (File().platform(VBS).vbs_context(PAGE, vtl=0).page(HLT_AT),
     "VP_CONTEXT at 0x30: is of VTL 0, and VTL 2 begins"),
    (File().platform(VBS).vbs_context(PAGE).vbs_context(PAGE).page(HLT_AT),
     "VP_CONTEXT at 0x30: apdbg begins with CPU 0 alone"),
    (File().platform(VBS).vbs_context(PAGE | {0x80010: 6}).page(HLT_AT),
     "VP_CONTEXT at 0x30: sets MTRR_PHYSBASE0 to 0x6: this machine has no MTRR"),
    (File().platform(VBS).vbs_context(PAGE | {0x8000E: 2}).page(HLT_AT),
     "VP_CONTEXT at 0x30: MTRR_DEF_TYPE cannot be 0x2"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "words"), REFUSED)
def test_what_cannot_be_loaded_is_said(tmp_path: Path, file: File, words: str) -> None:
    with pytest.raises(ApdbgError) as caught:
        opened(tmp_path, file)
    assert str(caught.value).startswith(f"{tmp_path / 'some.igvm'}: {words}")


def test_no_cpu_begins_as_the_manual_forbids(tmp_path: Path) -> None:
    """SDM 3, 27.3.1.1: CR0.PG needs CR0.PE; IA-32e mode needs CR4.PAE."""
    for wrong, words in (
        ({0x40000: 0x8000_0000}, "CR0.PG is set without CR0.PE"),
        ({0x40003: 0}, "long mode without CR4.PAE"),
    ):
        with pytest.raises(ApdbgError, match=f"^some.igvm: no CPU can begin so: .*{words}"):
            opened(tmp_path, File().platform(VBS).vbs_context(PAGE | wrong).page(HLT_AT))


def test_every_register_that_a_context_names_is_set(tmp_path: Path) -> None:
    """Hypervisor Top Level Functional Specification, register names; two segments apart."""
    numbers = {0x20004: "rsp", 0x20005: "rbp", 0x20006: "rsi", 0x20008: "r8", 0x20009: "r9",
               0x2000A: "r10", 0x2000B: "r11", 0x2000C: "r12"}  # fmt: skip
    plain = PAGE | {number: 0x100 + number & 0xFFF for number in numbers}
    plain |= {0x20011: 0x246, 0x80004: 0x0606_0606_0606_0606, 0x8000E: 0x806}
    made = [(number, struct.pack("<Q8x", value)) for number, value in plain.items()]
    made.append((0x60004, struct.pack("<QIHH", 0x1234_5000, 0xFFFFF, 0x28, 0xC093)))
    made.append((0x70000, struct.pack("<6xHQ", 0xFFF, 0x7000)))
    records = (struct.pack("<BI11s16s", 2, number, b"", raw) for number, raw in made)
    data = struct.pack("<I", len(made)) + b"".join(records)
    board = opened(tmp_path, File().platform(VBS).context(data).page(HLT_AT)).machine.board
    context = board.cpus[0].context
    assert context is not None
    assert {name: context.get(name) for name in numbers.values()} == {
        name: 0x100 + number & 0xFFF for number, name in numbers.items()
    }
    assert context.get("rflags") == 0x246
    fs, idtr = context.segment("fs"), context.segment("idtr")
    assert (fs.selector, fs.base, fs.limit) == (0x28, 0x1234_5000, 0xFFFFF)
    assert (idtr.base, idtr.limit) == (0x7000, 0xFFF)
    assert board.vmm.msrs[0, 0x2FF] == 0x806


def test_a_native_context_sets_what_it_names(tmp_path: Path) -> None:
    """IgvmNativeVpContextX64: code at 0xA8, data at 0xB4, GS's base at 0xC0."""
    page = bytearray(0x1000)
    for at, value in {0x00: 0xA, 0x08: 0xC, 0x38: 0xD1, 0x78: 0xF, 0x80: HLT_AT, 0x88: 2,
                      0x90: 0x7000, 0xC0: 0x99_9000, 0xC8: 0x21}.items():  # fmt: skip
        struct.pack_into("<Q", page, at, value)
    struct.pack_into("<H", page, 0x98, 0x7FF)
    struct.pack_into("<HQ", page, 0x9E, 0x1F, 0x6000)
    struct.pack_into("<HHII", page, 0xA8, 8, 0xC09B, 0, 0xFFFF_FFFF)
    struct.pack_into("<HHII", page, 0xB4, 16, 0xC093, 0, 0xFFFF_FFFF)
    file = File().platform(NATIVE, vtl=0).context(bytes(page)).page(HLT_AT, b"\xf4")
    context = opened(tmp_path, file, platform="none").machine.board.cpus[0].context
    assert context is not None
    assert [context.get(n) for n in ("rax", "rcx", "rdi", "r15", "rip")] == [
        0xA, 0xC, 0xD1, 0xF, HLT_AT,
    ]  # fmt: skip
    assert context.segment("gs").base == 0x99_9000
    assert (context.segment("cs").selector, context.segment("ds").selector) == (8, 16)
    assert (context.segment("idtr").limit, context.segment("gdtr").base) == (0x7FF, 0x6000)


def test_symbols_have_to_be_those_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ApdbgError, match="its code is nowhere in the IGVM file"):
        opened(tmp_path, halts(), symbols=["samples/shim.elf"])


def test_an_igvm_file_takes_no_kernel(tmp_path: Path) -> None:
    for name, value in (("kernel", "samples/kernel.elf"), ("initrd", "samples/reset.elf")):
        with pytest.raises(ApdbgError, match=f"is an IGVM file, .*: it takes no --{name}$"):
            opened(tmp_path, halts(), **{name: value})


def test_an_area_that_is_never_laid_down_costs_nothing(tmp_path: Path) -> None:
    """In a merged file areas have no mask: those of other platforms are declared, too."""
    begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    opened(tmp_path, halts().area(5, 1 << 28))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begun
    assert grown < 128 << 10, "KiB"
