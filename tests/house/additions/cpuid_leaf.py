"""A CPUID leaf: its number, and a function from a caller and a sub-leaf to four registers."""

from tests.guest import DATA, boot, read

NEW: dict[str, str] = {}
LINES = {
    "emu/vmm/cpuid.py": (
        (
            "    (0x16, lambda caller, _: _megahertz(caller.platform)),\n",
            "    (0x17, lambda caller, subleaf: (caller.cpu, subleaf, 3, 4)),\n",
        ),
        (
            "(0, _isolation_type(caller.platform), 0, 0)),\n",
            "    (0x4000_000D, lambda *_: (5, 0, 0, 0)),\n",
        ),
        ('_text("    "), _text("lTDX"))),\n', "    (0x1C, lambda *_: (6, 0, 0, 0)),\n"),
    ),
}
GUEST = """
    mov ecx, 9
    mov eax, 0x17
    cpuid
    mov [{DATA}], ebx
    mov [{DATA} + 4], edx
    mov eax, 0x4000000d
    cpuid
    mov [{DATA} + 8], eax
    hlt
"""
TD = """
    mov eax, 0x1c
    cpuid
    mov [{DATA} + 8], eax
here:
    jmp here
"""
"""The TDX module answers this leaf; the others are the host's, and a #VE."""


def uses() -> None:
    wanted = (("none", GUEST, (9, 4, 5)), ("tdx", TD, (0, 0, 6)), ("sipi", GUEST, (9, 4, 0)))
    for platform, guest, values in wanted:
        session = boot(guest, platform=platform)
        session.do("run")
        found = tuple(read(session, DATA + 4 * place, 4) for place in range(3))
        assert found == values, platform
