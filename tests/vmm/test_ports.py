"""I/O ports: the UARTs as a driver probes them, the POST port, the power switch."""

import pytest

from emu.vmm.devices import STANDARD
from emu.vmm.effects import Crash, Effects, Note, PowerOff, SerialOut, SetPort
from tests.vmm.builder import Guest, of


def write(guest: Guest, port: int, value: int, size: int = 1) -> Effects:
    """OUT, with what it latches kept."""
    effects = STANDARD.port_out(guest.caller(), port, size, value)
    for latch in of(SetPort, effects):
        guest.vmm.ports[latch.port] = latch.value
    return effects


def read(guest: Guest, port: int, size: int = 1) -> int:
    value, effects = STANDARD.port_in(guest.caller(), port, size)
    assert effects == ()
    return value


@pytest.mark.parametrize(
    ("port", "value", "resets"),
    [
        # Intel PCH, 0xCF9: RST_CPU is bit 2; Linux writes 2, then 6 or 0xE.
        (0xCF9, 0x02, False), (0xCF9, 0x06, True), (0xCF9, 0x0E, True),
        # 8042: 0xF0 to 0xFF pulse the lines whose bits are clear; bit 0 is the reset line.
        (0x64, 0xFE, True), (0x64, 0xFF, False), (0x64, 0xF0, True), (0x64, 0x20, False),
    ],
)  # fmt: skip
def test_a_reset_by_a_port_ends_the_run(port: int, value: int, resets: bool) -> None:
    effects = write(Guest(), port, value)
    told = (Crash(f"CPU 0 asked for a reset by port {port:#x}"),) if resets else ()
    assert effects == told


def test_nothing_waits_at_the_keyboard_controller() -> None:
    assert read(Guest(), 0x64) == 0


@pytest.mark.parametrize(("value", "off"), [(0x34, True), (0x14, False), (0x80, False)])
def test_the_sleep_control_register_switches_off(value: int, off: bool) -> None:
    """ACPI 6.6, 4.8.3.7: SLP_TYP in bits 4:2, SLP_EN bit 5."""
    assert write(Guest(), 0x608, value) == ((PowerOff(),) if off else ())


@pytest.mark.parametrize("base", [0x3F8, 0x3E8])
def test_a_byte_leaves_through_a_ready_uart(base: int) -> None:
    guest = Guest()
    assert read(guest, base + 5) == 0x60
    assert write(guest, base, 0x41) == (SerialOut(base, 0x41),)


def test_openhcl_initialises_com3() -> None:
    guest = Guest()
    for port, value in ((0x3E9, 0), (0x3EA, 0xC7), (0x3EC, 0x0F)):
        write(guest, port, value)
    registers = [read(guest, 0x3E8 + offset) for offset in range(7)]
    assert registers == [0, 0, 0xC1, 0, 0x0F, 0x60, 0xB0]


def test_the_divisor_hides_behind_dlab() -> None:
    guest = Guest()
    write(guest, 0x3F9, 0xFF)
    write(guest, 0x3FB, 0x83)
    assert write(guest, 0x3F8, 0x0C) == (SetPort(0x1_03F8, 0x0C),)
    write(guest, 0x3F9, 0xFE)
    assert (read(guest, 0x3F8), read(guest, 0x3F9)) == (0x0C, 0xFE)
    write(guest, 0x3FB, 0x03)
    assert (read(guest, 0x3F8), read(guest, 0x3F9), read(guest, 0x3FB)) == (0, 0x0F, 3)


def test_scratch_and_modem_control_keep_their_bits() -> None:
    guest = Guest()
    write(guest, 0x3FF, 0xA5)
    write(guest, 0x3FC, 0xFF)
    assert (read(guest, 0x3FF), read(guest, 0x3FC)) == (0xA5, 0x1F)
    assert write(guest, 0x3F8, 0x41) == (), "loopback sends nothing"
    assert write(guest, 0x3FD, 1) == write(guest, 0x3FE, 1) == ()


def test_wide_accesses_are_consecutive_bytes() -> None:
    guest = Guest()
    write(guest, 0x3FF, 0x5A)
    assert read(guest, 0x3FE, 4) == 0xFFFF_5AB0
    assert write(guest, 0x3FE, 0x7700, 2) == (SetPort(0x3FF, 0x77),)


def test_nothing_answers_elsewhere() -> None:
    guest = Guest()
    assert [read(guest, 0x60, size) for size in (1, 2, 4)] == [0xFF, 0xFFFF, 0xFFFF_FFFF]
    assert write(guest, 0x60, 1) == ()


@pytest.mark.parametrize(
    ("size", "value", "off"),
    [(2, 0x2000, True), (2, 0x3C00, True), (2, 0x1C00, False), (1, 0, False)],
)
def test_the_power_switch_is_one_bit(size: int, value: int, off: bool) -> None:
    assert of(PowerOff, write(Guest(), 0x604, value, size)) == ([PowerOff()] if off else [])


def test_post_codes_are_noted() -> None:
    assert write(Guest(), 0x80, 0x1AB) == (Note("POST code 0xab"),)
