"""Call frame information: what an assembler writes is read, and each kind of rule means what
the standard says (DWARF 5, 6.4.1)."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from emu.boot.dwarf import DebugInfo
from emu.boot.dwarf_frames import CfaRule, FrameRow, FrameRule, FrameTable, FrameTables
from emu.unwind.cfi import by_cfi
from emu.unwind.step import CallerFrame, NoCaller, Standing

SOURCE = """
    .intel_syntax noprefix
    .text
    nop
plain:
    .cfi_startproc
    push rbp
    .cfi_def_cfa_offset 16
    .cfi_offset rbp, -16
    mov rbp, rsp
    .cfi_def_cfa_register rbp
    nop
    pop rbp
    .cfi_def_cfa rsp, 8
    .cfi_restore rbp
    ret
    .cfi_endproc
trampoline:
    .cfi_startproc
    .cfi_signal_frame
    .cfi_escape 0x0f, 3, 0x77, 0x10, 0x06
    .cfi_undefined rip
    nop
    .cfi_endproc
"""


@pytest.mark.parametrize("section", [".eh_frame", ".debug_frame"])
def test_what_an_assembler_writes_is_read(section: str, tmp_path: Path) -> None:
    source, built = tmp_path / "a.s", tmp_path / "a.o"
    source.write_text(f".cfi_sections {section}\n{SOURCE}")
    command = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-freestanding", "-c",
               str(source), "-o", str(built)]  # fmt: skip
    subprocess.run(command, check=True, timeout=300)
    data = built.read_bytes()
    tables = FrameTables(DebugInfo(hashlib.sha256(data).hexdigest(), data))

    def rule(link: int) -> tuple[CfaRule, FrameRule | None, bool]:
        found = tables.row(link)
        assert found is not None
        return found[1].cfa, found[1].rules.get(6), found[0].signal

    signal = section == ".eh_frame"  # DWARF itself has no word for it
    saved = FrameRule("at", -16)
    assert rule(1) == (CfaRule(7, 8), None, False)
    assert rule(2) == (CfaRule(7, 16), saved, False)
    assert rule(5) == (CfaRule(6, 16), saved, False)
    assert rule(6) == (CfaRule(6, 16), saved, False)
    assert rule(7) == (CfaRule(7, 8), None, False)
    assert rule(8) == (CfaRule(0, 0, bytes((0x77, 0x10, 0x06))), None, signal)
    assert tables.row(0) is None
    assert tables.row(9) is None


def caller(
    rules: dict[int, FrameRule], *, signal: bool = False
) -> CallerFrame | NoCaller | None:
    """The caller by some rules: CFA is RSP + 16, and memory holds its address plus 1."""
    row = FrameRow(0, CfaRule(7, 16), rules)
    table = FrameTable(0, 100, signal, 16, (row,))
    values = {"rsp": 0x1000, "rbx": 5, "rcx": 9}
    return by_cfi(table, row, Standing(10, True, values), lambda at: at + 1)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (FrameRule("same"), 5), (FrameRule("undefined"), None), (FrameRule("at", -8), 0x1009),
        (FrameRule("is", -8), 0x1008), (FrameRule("register", 2), 9),
        (FrameRule("at expression", 0, bytes((0x23, 8))), 0x1019),
        (FrameRule("is expression", 0, bytes((0x23, 8))), 0x1018),
        (FrameRule("is expression", 0, bytes((0xFF,))), None),
    ],
)  # fmt: skip
def test_a_rule_says_where_a_register_is(rule: FrameRule, value: int | None) -> None:
    found = caller({16: FrameRule("at", -8), 3: rule})
    assert isinstance(found, CallerFrame)
    assert found.standing.values.get("rbx") == value
    assert found.standing.address == 0x1009
    assert (found.cfa, found.slot, found.standing.rsp) == (0x1010, 0x1008, 0x1010)


def test_an_undefined_return_address_is_the_outermost_frame() -> None:
    assert isinstance(caller({16: FrameRule("undefined")}), NoCaller)
    assert caller({}) is None, "nothing is said of it"


def test_a_signal_frame_leads_to_what_was_interrupted() -> None:
    found = caller({16: FrameRule("at", -8), 7: FrameRule("at", 0)}, signal=True)
    assert isinstance(found, CallerFrame)
    assert (found.entry, found.standing.exact, found.standing.rsp) == (
        "interrupt",
        True,
        0x1011,
    )
