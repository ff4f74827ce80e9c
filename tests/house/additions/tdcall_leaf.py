"""A TDCALL leaf: its number, its name, and a function from the caller to effects."""

from tests.guest import DATA, boot, read

NEW = {
    "emu/vmm/tdx/tea.py": '''\
"""TDG.TEA (77): twice what is in RCX, in RDX."""

from typing import Final

from emu.vmm.effects import Effects
from emu.vmm.state import Caller
from emu.vmm.tdx.leaf import Shown, TdcallLeaf, done


def _tea(caller: Caller) -> Effects:
    return done(("rdx", 2 * caller.registers("rcx")))


LEAVES: Final = (
    TdcallLeaf(77, "TEA", _tea, (Shown("rcx", "leaves"),), (Shown("rdx", "cups", str),)),
)
''',
}
LINES = {
    "emu/vmm/tdx/dispatch.py": (
        ("from emu.vmm.tdx import info, memory, metadata, ", "tea, "),
        ("*memory.LEAVES, *metadata.LEAVES", ", *tea.LEAVES"),
    ),
}
TDCALL = "0x66, 0x0f, 0x01, 0xcc"
GUEST = f"""
    mov eax, 77
    mov ecx, 21
    .byte {TDCALL}
    mov [{{DATA}}], rdx
    mov [{{DATA}} + 8], rax
    hlt
"""


def uses() -> None:
    session = boot(GUEST, platform="tdx")
    session.do("run")
    assert (read(session, DATA), read(session, DATA + 8)) == (42, 0)
    called = "tdcall TDG.TEA leaves=0x15 -> SUCCESS cups=42"
    assert any(called in line for line in session.do("exits").reply)
