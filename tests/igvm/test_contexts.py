"""Registers that CPUs begin with are read out of each platform's own format."""

import struct
from pathlib import Path

import pytest

from emu.errors import ImageError
from emu.hw.address import PAGE_BYTES
from emu.igvm.contexts import InitialRegister, values
from emu.igvm.file import parse_igvm
from emu.igvm.headers import InitialContext
from emu.igvm.measure import digest
from emu.igvm.told import entry, lines, summary
from shim.igvm import NATIVE, SNP, TDX, VBS, File

PE, PG, LME, LMA = 1, 1 << 31, 1 << 8, 1 << 10
VMSA = {0x0D0: LME | LMA, 0x158: PG | PE, 0x178: 0xFFFF_0000, 0x330: 0x77}
"""AMD APM 2, table B-4: EFER, CR0, RIP, RSI."""
NATIVE_WORDS = {0x80: 0x7C00, 0x38: 0x77, 0xC8: 0}
"""IgvmNativeVpContextX64: rip, rdi, cr0."""


def of(platform: int, data: bytes) -> dict[str, InitialRegister]:
    """The registers of a context, by name."""
    igvm = parse_igvm(Path("x"), File().platform(platform).context(data).bytes())
    (context,) = (one for one in igvm.headers if isinstance(one, InitialContext))
    return {one.name: one for one in values(igvm, igvm.platforms[0], context)}


def page(words: dict[int, int]) -> bytes:
    data = bytearray(PAGE_BYTES)
    for at, value in words.items():
        struct.pack_into("<Q", data, at, value)
    return bytes(data)


def records(*rows: tuple[int, int, bytes]) -> bytes:
    """A VBS context of (VTL, register, value)."""
    made = (struct.pack("<BI11s16s", vtl, number, b"", raw) for vtl, number, raw in rows)
    return struct.pack("<I", len(rows)) + b"".join(made)


def test_vbs_registers_have_the_hypervisors_numbers() -> None:
    found = of(VBS, records(
        (2, 0x20010, struct.pack("<Q8x", 0x8000)),
        (2, 0x60001, struct.pack("<QIHH", 0, 0xFFFFFFFF, 0x10, 0xA09B)),
        (2, 0x70001, struct.pack("<6xHQ", 0x3F, 0x9000)),
    ))  # fmt: skip
    assert {name: one.text for name, one in found.items()} == {
        "rip": "0x8000",
        "cs": "selector 0x10, base 0x0, limit 0xffffffff, attributes 0xa09b",
        "gdtr": "base 0x9000, limit 0x3f",
    }
    assert found["rip"].vtl == 2


def test_a_vmsa_is_read_by_its_offsets() -> None:
    found = of(SNP, page(VMSA))
    assert [found[name].value for name in ("efer", "cr0", "rip", "rsi")] == [*VMSA.values()]


def test_what_a_vmsa_says_is_told_in_words() -> None:
    """AMD APM 2, table B-4: CS at 0x010, GDTR at 0x060, TR at 0x090, CPL at 0x0CB,
    SEV_FEATURES at 0x3B0, MXCSR at 0x408; a segment is selector, attributes, limit, base."""
    data = bytearray(page(VMSA | {0x3B0: 1, 0x3C8: 1 << 46}))
    struct.pack_into("<HHIQ", data, 0x010, 0x38, 0xA9B, 0xFFFF_FFFF, 0)
    struct.pack_into("<HHIQ", data, 0x060, 0, 0, 0x3F, 0x8200_9000)
    data[0x0CB] = 3
    struct.pack_into("<I", data, 0x408, 0x1F80)
    for kind in (SNP, 5):
        found = of(kind, bytes(data))
        assert found["cs"].text == "selector 0x38, base 0x0, limit 0xffffffff, attributes 0xa9b"
        assert found["gdtr"].text == "base 0x82009000, limit 0x3f"
        assert [found[n].value for n in ("cpl", "sev_features", "virtual_tom", "mxcsr")] == [
            3, 1, 1 << 46, 0x1F80,
        ]  # fmt: skip


def test_a_native_context_is_read_by_its_offsets() -> None:
    found = of(NATIVE, page(NATIVE_WORDS))
    assert [found[name].value for name in ("rip", "rdi", "cr0")] == [*NATIVE_WORDS.values()]


@pytest.mark.parametrize(("platform", "data", "words"), [
    (TDX, None, "32-bit at 0xfffffff0"),
    (VBS, None, "as after reset"),
    (SNP, page(VMSA), "64-bit at 0xffff0000"),
    (NATIVE, page(NATIVE_WORDS), "16-bit at 0x7c00"),
    (NATIVE, page({0x80: 0x100000, 0xC8: PE}), "32-bit at 0x100000"),
])  # fmt: skip
def test_the_entry_is_told_with_its_mode(platform: int, data: bytes | None, words: str) -> None:
    file = File().platform(platform).page(0)
    igvm = parse_igvm(Path("x"), (file if data is None else file.context(data)).bytes())
    assert entry(igvm, igvm.platforms[0]) == words
    assert summary(igvm).endswith(f"1 pages measured, entry {words}")


@pytest.mark.parametrize(("data", "words"), [
    (struct.pack("<I", 0), "has 0 registers, not 1 to 64"),
    (struct.pack("<I", 65), "has 65 registers, not 1 to 64"),
    (struct.pack("<I", 9), "its 9 registers are not in the file"),
    (records((0, 0x20000, bytes(16))), "register 0x20000 may not be in it"),
    (records((0, 0x20010, bytes(16)), (2, 0x20004, bytes(16))), "more than one VTL"),
])  # fmt: skip
def test_what_no_cpu_can_begin_with_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        of(VBS, data)


def test_behind_a_native_context_all_is_zero() -> None:
    """IgvmNativeVpContextX64 has 0xE8 bytes."""
    with pytest.raises(ImageError, match="what is behind its registers is not zero"):
        of(NATIVE, page({0xE8: 1}))


def test_registers_of_an_arm_cpu_are_told_by_number_and_measured() -> None:
    data = records((2, 0x20022, struct.pack("<Q8x", 0x8000)))
    file = File(2, architecture=1).platform(VBS).context(data).page(0)
    igvm = parse_igvm(Path("x"), file.bytes())
    assert any("register 0x20022 0x8000" in row for row in lines(igvm))
    assert digest(igvm, igvm.platforms[0]) is not None


def test_a_td_has_no_context() -> None:
    with pytest.raises(ImageError, match="a CPU on TDX begins as after reset"):
        of(TDX, page({}))
