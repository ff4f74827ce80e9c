"""What the host reads of a private page: repeatable, local noise."""

from hypothesis import given
from hypothesis import strategies as st

from emu.hw.address import PAGE_BYTES, Gpa
from emu.vmm.ciphertext import ciphertext

PAGE = Gpa(0x800_0000)


@given(st.integers(0, 3 * PAGE_BYTES), st.integers(0, 100))
def test_any_part_reads_alike(start: int, count: int) -> None:
    data = bytes(range(256)) * (4 * PAGE_BYTES // 256)
    whole = ciphertext(PAGE, data)
    part = ciphertext(Gpa(PAGE + start), data[start : start + count])
    assert part == whole[start : start + count]


def test_only_a_changed_byte_changes() -> None:
    before, after = ciphertext(PAGE, bytes(64)), ciphertext(PAGE, b"\1" + bytes(63))
    assert before[0] != after[0]
    assert before[1:] == after[1:]


def test_pages_differ_and_hide_their_content() -> None:
    first, second = ciphertext(PAGE, bytes(PAGE_BYTES)), ciphertext(Gpa(0), bytes(PAGE_BYTES))
    assert first != second
    assert len(set(first)) > 200, "noise uses nearly all byte values"
