"""A guest that reckons its time by KVM's page and RDTSC alone, as Linux' pvclock does."""

import struct
from pathlib import Path

import pytest

from emu.boot.samples import samples_dir
from tests.guest import DATA, SHARED, Guest, finish

SOURCE = """
    start: mov eax, {SHARED} + 1
      xor edx, edx
      mov ecx, 0x4b564d01
      wrmsr
      mov ecx, 5000
    count: loop count
      MOVED
      rdtsc
      mov dword ptr [{DATA}], eax
      mov dword ptr [{DATA} + 4], edx
      hlt
"""
MOVED = """
      mov ecx, 0x3b
      mov eax, 1000000
      xor edx, edx
      wrmsr
"""
"""IA32_TSC_ADJUST."""


@pytest.mark.parametrize(("moved", "ahead"), [("", 0), (MOVED, 1_000_000)])
def test_the_page_and_the_counter_are_the_time(tmp_path: Path, moved: str, ahead: int) -> None:
    text = (samples_dir() / "platforms/none.toml").read_text()
    place = tmp_path / "kvm.toml"
    place.write_text(text.replace("hyperv = true", 'hyperv = false\nhypervisor = "kvm"'))
    guest = Guest(SOURCE.replace("MOVED", moved), 1, str(place))
    board = finish(guest.driver())
    data = board.ram.guest_bytes(SHARED, 32)
    counted = board.ram.guest_bytes(DATA, 8)
    assert data is not None and counted is not None
    version, stamp, system, multiplier, shift, flags = struct.unpack("<I4xQQIbB2x", data)
    assert (version % 2, shift, flags) == (0, 0, 1)
    (tsc,) = struct.unpack("<Q", counted)
    clock_ns = (tsc - ahead) // 2  # 2 GHz, from power-on
    assert system + ((tsc - stamp) * multiplier >> 32) in (clock_ns, clock_ns + 1)
    assert clock_ns > 2_500, "5,000 instructions lie between"
