"""The form of an access to a port is read from its bytes, in every mode (SDM 2, 2.1.1)."""

import pytest

from emu.hw.exit import Exit, ExitKind
from emu.hw.vmcb import SegmentState
from emu.machine import entry
from emu.machine.board import Board
from emu.machine.port_access import port_access, port_form
from emu.vmm.asked import PortForm, PortIn, PortOut
from tests.guest import Guest

NOTHING = PortForm(string=False, repeated=False, immediate=False, address_bytes=8)


def board(mode: str = "long") -> Board:
    """A board whose CPU 0 is in a mode, before `in al, dx`."""
    made = Guest("start: in al, dx\n hlt", 1, "tdx").machine().board
    real = entry.after_init(entry.CR0_AFTER_RESET)
    states = {"protected": entry.reset_vector(0), "real": real}
    if mode in states:
        made.start(made.cpus[0], states[mode])
    assert made.cpus[0].registers.mode == mode
    return made


@pytest.mark.parametrize(
    ("code", "form"),
    [
        (b"\xec", NOTHING),
        (b"\xe4\x71", PortForm(False, False, True, 8)),
        (b"\x66\xe7\x71", PortForm(False, False, True, 8)),
        (b"\x6e", PortForm(True, False, False, 8)),
        (b"\xf3\x6e", PortForm(True, True, False, 8)),
        (b"\xf2\x6d", PortForm(True, True, False, 8)),
        (b"\x67\x6f", PortForm(True, False, False, 4)),
        (b"\x65\x66\xf3\x48\x6f", PortForm(True, True, False, 8, 5)),
        (b"\x26\x36\x6e", PortForm(True, False, False, 8, 2)),  # the last one counts
    ],
)
def test_prefixes_and_opcode_in_64_bit_mode(code: bytes, form: PortForm) -> None:
    assert port_form(code, board().cpus[0].registers) == form


@pytest.mark.parametrize(
    ("mode", "wide", "code", "count"),
    [("protected", True, b"\x6e", 4), ("protected", True, b"\x67\x6e", 2),
     ("protected", False, b"\x6e", 2), ("protected", False, b"\x67\x6e", 4),
     ("real", False, b"\x6e", 2), ("real", False, b"\x67\x6e", 4)],
)  # fmt: skip
def test_a_string_s_address_is_as_wide_as_its_segment(
    mode: str, wide: bool, code: bytes, count: int
) -> None:
    registers = board(mode).cpus[0].registers
    if mode == "protected" and not wide:
        registers.put_segment("cs", SegmentState(0, 0, 0xFFFF, 0x9B))
    assert port_form(code, registers).address_bytes == count


def test_a_byte_that_is_a_prefix_in_64_bit_mode_alone_is_none_elsewhere() -> None:
    assert port_form(b"\x48\x6e", board().cpus[0].registers).string
    assert not port_form(b"\x48\x6e", board("protected").cpus[0].registers).string


def test_what_has_retired_has_no_form_and_no_bytes() -> None:
    made = board()
    registers, code = made.cpus[0].registers, made.code
    into = Exit(ExitKind.PORT_IN, 1, 0x3FD, 0, 1)
    out = Exit(ExitKind.PORT_OUT, 1, 0x3F8, 65, 1)
    assert port_access(into, registers, code) == PortIn(0, 0x3FD, 1)
    assert port_access(out, registers, code) == PortOut(0, 0x3F8, 1, 65)
    assert port_access(into._replace(done=False), registers, code) == PortIn(
        1, 0x3FD, 1, NOTHING
    )
