"""QEMU's ports for programs without firmware: fw_cfg's number of CPUs, and the debug exit.

The tables are QEMU's: docs/specs/fw_cfg.rst ("Selector Register", "Data Register"), with
include/standard-headers/linux/qemu_fw_cfg.h; and hw/misc/debugexit.c, whose exit code is
`(value << 1) | 1`.
"""

import pytest

from tests.guest import DATA, boot, read

ITEMS = {0x00: b"QEMU", 0x01: b"\1\0\0\0", 0x05: b"\3\0\0\0", 0x0F: b"\3\0\0\0", 0x77: bytes(4)}
"""Selector -> the first four bytes behind it, on a machine of three CPUs."""


@pytest.mark.parametrize("selector", ITEMS)
def test_a_selector_is_read_byte_by_byte_from_its_beginning(selector: int) -> None:
    again = "".join(
        f"mov dx, 0x510\n mov ax, {selector}\n out dx, ax\n inc dx\n"
        + "".join(f"in al, dx\n mov [{DATA + at + k:#x}], al\n" for k in range(4))
        for at in (0, 8)
    )
    session = boot(f"cpu0: {again} hlt\ncpu1: hlt\ncpu2: hlt", 3)
    session.do("run")
    for at in (0, 8):
        assert read(session, DATA + at, 4) == int.from_bytes(ITEMS[selector], "little")


@pytest.mark.parametrize(("width", "register"), [(1, "al"), (2, "ax"), (4, "eax")])
def test_the_debug_exit_switches_the_machine_off_with_a_code(width: int, register: str) -> None:
    session = boot(f"mov eax, 0x21\n out 0xf4, {register}\n hlt")
    session.do("run")
    assert session.verdict is not None and session.verdict.outcome == "booted"
    assert session.exit_code == 0x43
    session.do("goto 0")
    assert session.exit_code is None, "it is the machine's, and goes back in time"
