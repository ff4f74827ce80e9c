"""A subfunction of TDG.VP.VMCALL: what R11 asks for, and the registers that the host sets."""

from tests.guest import DATA, boot, read

NEW = {
    "emu/vmm/tdx/tea_time.py": '''\
"""GetTeaTime: how many nanoseconds it is until tea, in R11."""

from typing import Final

from emu.vmm.tdx.host import HostCall, HostReply, Subfunction, ok


def _tea_time(call: HostCall) -> HostReply:
    return ok(("r11", 1000 * call.register("r12")))


SUBFUNCTION: Final = Subfunction(0x1_0077, "GetTeaTime", _tea_time)
''',
}
LINES = {
    "emu/vmm/tdx/vmcall.py": (
        ("from emu.vmm.tdx import ghci, map_gpa", ", tea_time"),
        ("*ghci.SUBFUNCTIONS, map_gpa.SUBFUNCTION", ", tea_time.SUBFUNCTION"),
    ),
}
GUEST = """
    xor eax, eax            # TDG.VP.VMCALL
    mov ecx, 0x1c00         # which shows R10 to R12
    xor r10d, r10d
    mov r11d, 0x10077
    mov r12d, 5
    .byte 0x66, 0x0f, 0x01, 0xcc
    mov [{DATA}], r10
    mov [{DATA} + 8], r11
    hlt
"""


def uses() -> None:
    session = boot(GUEST, platform="tdx")
    session.do("run")
    assert (read(session, DATA), read(session, DATA + 8)) == (0, 5000)
    assert any("GetTeaTime" in line for line in session.do("exits").reply)
