"""A hypercall: its code, its sizes, and a function from the request to an answer, and its
operands in words."""

from tests.guest import DATA, boot, read

NEW = {
    "emu/vmm/hypercalls/double.py": '''\
"""HvCallDouble (0x7A): twice a number, in RDX."""

import struct
from typing import Final

from emu.vmm.effects import SetRegisters
from emu.vmm.hypercalls.call import Answer, Hypercall, Request
from emu.vmm.hypercalls.operands import fields


def _double(request: Request) -> Answer:
    number = int.from_bytes(request.data, "little")
    return Answer(why=f"of {number}", effects=(SetRegisters((("rdx", 2 * number),)),))


_NUMBER: Final = fields(struct.Struct("<Q"), "number")
CALL: Final = Hypercall(0x7A, "Double", _double, _NUMBER, header_bytes=8, fast=True)
''',
}
LINES = {
    "emu/vmm/hypercalls/dispatch.py": (
        ("    accept_pages,\n", "    double,\n"),
        ("    visibility.CALL,\n", "    double.CALL,\n"),
    ),
}
GUEST = """
    mov ecx, 0x40000000     # the guest names itself
    mov eax, 1
    xor edx, edx
    wrmsr
    mov ecx, 0x40000001     # and has the hypercall page laid somewhere
    mov eax, {SHARED} + 1
    wrmsr
    mov ecx, 0x1007a        # fast: the number is in RDX
    mov edx, 21
    vmmcall
    mov [{DATA}], rdx
    mov [{DATA} + 8], rax
    hlt
"""


def uses() -> None:
    session = boot(GUEST)
    session.do("run")
    assert (read(session, DATA), read(session, DATA + 8)) == (42, 0)
    called = "hypercall Double number=0x15 -> SUCCESS"
    assert any(called in line for line in session.do("exits").reply)
    assert any("hypercall Double: of 21" in line for line in session.do("events").reply)
