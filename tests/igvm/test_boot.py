"""A machine that an IGVM file describes is the machine that it was packed from."""

import struct
from pathlib import Path
from typing import Final

import pytest

from emu import Session, open_session
from emu.debug.reproduce import reproduction
from emu.errors import ApdbgError
from emu.hw.address import Gpa
from tests.igvm.builder import TDX, VBS, File
from tests.igvm.pack import packed

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


def test_the_host_fills_in_what_it_knows(tmp_path: Path) -> None:
    file = halts().area(7, 0x3000)
    for kind, at in ((0x307, 0), (0x30C, 0x100), (0x312, 0x1000), (0x30E, 0x40), (0x308, 0x80)):
        file.header(kind, struct.pack("<II", 7, at))
    session = opened(tmp_path, file.insert(7, 0x830_0000), cpus=3)
    area = session.machine.board.ram.guest_bytes(0x830_0000, 0x3000)
    assert area is not None
    assert struct.unpack_from("<I", area) == (3,)
    ram = sorted(session.machine.board.layout.ram)
    rows = list(struct.iter_unpack("<QQHHI", area[0x100 : 0x100 + 24 * (len(ram) + 1)]))
    assert [(page << 12, count << 12) for page, count, *_ in rows] == [*ram, (0, 0)]
    assert not any(area[0x80:0x100]), "no ACPI table"
    assert area[0x1000:0x1004] == b"\xd0\x0d\xfe\xed"
    assert session.machine.board.layout.host_dtb_gpa == 0x830_1000


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


def test_a_file_that_may_move_stays_where_it_is(tmp_path: Path) -> None:
    region = struct.pack("<IHBBQQQQQ", 1, 0, 2, 7, 0x20_0000, HLT_AT, 0x1000, 0, 1 << 40)
    file = File().platform(VBS).header(0x102, region).vbs_context(PAGE)
    board = opened(tmp_path, file.page(HLT_AT, b"\xf4")).machine.board
    assert board.linear_rip(board.cpus[0]) == HLT_AT
    assert board.ram.guest_bytes(HLT_AT, 2) == b"\xf4\0"


REFUSED = [
    (File().platform(TDX).page(HLT_AT), "is for TDX, not for platform vbs"),
    (File().platform(VBS), "lays no page into memory"),
    (File().platform(VBS).page(HLT_AT), "no VP_CONTEXT says where its first CPU begins"),
    (halts().page(0x7000_0000), "needs memory at 0x70000000 to 0x70001000, and there is "),
    (halts().header(0x305, struct.pack("<QIIII", 0x7000_0000, 1, 4096, 0, 0)),
     "needs memory at 0x70000000 to 0x70001000, and there is "),
    (halts().area(0, 4096).header(0x312, struct.pack("<II", 0, 0xFF0)).insert(0, 0x8300000),
     "DEVICE_TREE at 0x88: "),
    (File().platform(VBS).vbs_context(PAGE | {0x20008: 5}).page(HLT_AT),
     "VP_CONTEXT at 0x30: apdbg begins with r8 = 0x0, not 0x5"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "words"), REFUSED)
def test_what_cannot_be_loaded_is_said(tmp_path: Path, file: File, words: str) -> None:
    with pytest.raises(ApdbgError) as caught:
        opened(tmp_path, file)
    assert str(caught.value).startswith(f"{tmp_path / 'some.igvm'}: {words}")


def test_symbols_have_to_be_those_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ApdbgError, match="its code is nowhere in the IGVM file"):
        opened(tmp_path, halts(), symbols=["samples/shim.elf"])
    with pytest.raises(ApdbgError, match=r"as openvmm loads them: it takes no --symbols$"):
        open_session("samples/shim.elf", symbols=["samples/kernel.elf"])


def test_an_igvm_file_takes_no_kernel(tmp_path: Path) -> None:
    for name, value in (("kernel", "samples/kernel.elf"), ("cmdline", "quiet")):
        with pytest.raises(ApdbgError, match=f"is an IGVM file, .*: it takes no --{name}$"):
            opened(tmp_path, halts(), **{name: value})
