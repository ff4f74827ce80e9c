"""Launch digests are those that others compute of the same pages."""

import hashlib
from pathlib import Path

import pytest

from emu.errors import ImageError
from emu.hw.address import PAGE_BYTES
from emu.igvm.file import parse_igvm
from emu.igvm.measure import digest
from shim.igvm import SNP, TDX, VBS, File
from tests.igvm.builder import PAGES, of_pages

PUBLIC = {
    SNP: "889a19386c82e2219bded3e92a764e8c00c29b966d04a662bca6cfdfec647b90"
         "51995653390783846557913263d71c4f",
    VBS: "30134c9bb89cd72d8a418d1e7afb75927f45e8571dda7ac7be87d4b6c72ca64c",
}  # fmt: skip
"""openvmm, `vm/loader/igvmfilegen/src/file_loader.rs`: test_snp_measurement, test_vbs_digest.
Its test_tdx_measurement measures the reset page of the tool as well, whose code is not kept
here: of commit 1f3ebb99 the digest that it names, e9dd5c42...7b54421b, came out with the page
that its `vp_context_builder/tdx.rs` makes."""


def measured(file: File) -> str:
    """The digest on the first platform, as digits."""
    igvm = parse_igvm(Path("some.igvm"), file.bytes())
    found = digest(igvm, igvm.platforms[0])
    return "" if found is None else found[1].hex()


@pytest.mark.parametrize("platform", PUBLIC)
def test_the_public_digests_come_out(platform: int) -> None:
    assert measured(of_pages(platform)) == PUBLIC[platform]


def test_mrtd_is_what_the_module_extends() -> None:
    """TDX Module Base Specification, TDH.MEM.PAGE.ADD and TDH.MR.EXTEND: 128 bytes of name and
    GPA each, and 256 bytes of contents behind those of the latter."""
    sum_ = hashlib.sha384()
    for number, data, with_data in PAGES:
        gpa = number * PAGE_BYTES
        sum_.update(b"MEM.PAGE.ADD\0\0\0\0" + gpa.to_bytes(8, "little") + bytes(104))
        for piece in range(16) if with_data else ():
            at = gpa + 256 * piece
            sum_.update(b"MR.EXTEND\0\0\0\0\0\0\0" + at.to_bytes(8, "little") + bytes(104))
            sum_.update(data.ljust(PAGE_BYTES, b"\0")[256 * piece : 256 * piece + 256])
    assert measured(of_pages(TDX)) == sum_.hexdigest()


@pytest.mark.parametrize("platform", [SNP, TDX, VBS])
def test_an_area_counts_as_pages_that_are_there(platform: int) -> None:
    def file() -> File:
        return File().platform(platform).policy(0x3001F)

    unmeasured = file().area(3, 2 * PAGE_BYTES).insert(3, 0x5000)
    assert measured(unmeasured) == measured(file().page(0x5000, flags=2).page(0x6000, flags=2))


@pytest.mark.parametrize("platform", [SNP, TDX, VBS])
def test_every_byte_counts_and_the_order_does(platform: int) -> None:
    def of(*pages: tuple[int, bytes]) -> str:
        file = File().platform(platform).policy(0x3001F)
        for gpa, data in pages:
            file.page(gpa, data)
        return measured(file)

    one, last = bytes(PAGE_BYTES - 1) + b"\1", bytes(PAGE_BYTES - 1) + b"\2"
    digests = [
        of((0x1000, one)), of((0x1000, last)), of((0x2000, one)),
        of((0x1000, one), (0x2000, last)), of((0x2000, last), (0x1000, one)),
    ]  # fmt: skip
    assert len(set(digests)) == len(digests)


def test_registers_count_on_vbs_and_come_last() -> None:
    def of(rip: int, *, first: bool) -> str:
        file = File().platform(VBS)
        if first:
            return measured(file.vbs_context({0x20010: rip}).page(0x1000, b"code"))
        return measured(file.page(0x1000, b"code").vbs_context({0x20010: rip}))

    assert of(0x1000, first=True) == of(0x1000, first=False) != of(0x1001, first=True)


def test_only_the_pages_of_a_platform_count_on_it() -> None:
    both = File().platform(TDX, mask=1).platform(VBS, mask=2)
    both.page(0x1000, b"for both", mask=3).page(0x2000, b"for VBS", mask=2)
    assert measured(both) == measured(File().platform(TDX).page(0x1000, b"for both"))


def test_snp_without_a_policy_cannot_be_launched() -> None:
    with pytest.raises(ImageError, match="has no GUEST_POLICY"):
        measured(File().platform(SNP).page(0x1000))


def test_nothing_is_measured_without_isolation() -> None:
    assert measured(File().platform(0).page(0x1000)) == ""
