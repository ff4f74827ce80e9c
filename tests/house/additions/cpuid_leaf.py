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
            '(0, int(caller.platform.isolation == "vbs"), 0, 0)),\n',
            "    (0x4000_000D, lambda *_: (5, 0, 0, 0)),\n",
        ),
        ('_text("    "), _text("lTDX"))),\n', "    (0x22, lambda *_: (6, 0, 0, 0)),\n"),
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
    mov eax, 0x22
    cpuid
    mov [{DATA} + 12], eax
    hlt
"""


def uses() -> None:
    for platform, special in (("none", (5, 0)), ("tdx", (5, 6)), ("sipi", (0, 0))):
        session = boot(GUEST, platform=platform)
        session.do("run")
        found = tuple(read(session, DATA + 4 * place, 4) for place in range(4))
        assert found == (9, 4, *special), platform
