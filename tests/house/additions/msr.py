"""An MSR: its number, its name, and what reading and writing it do."""

from tests.guest import DATA, boot, read

NEW = {
    "emu/vmm/msrs/scratch.py": '''\
"""A register in which a CPU keeps 16 bits of its own."""

from typing import Final

from emu.vmm.msrs.entry import Msr, of_cpu, store_cpu

MSRS: Final = (Msr(0x4000_0200, "SCRATCH", of_cpu(7), store_cpu(0xFFFF)),)
''',
}
LINES = {
    "emu/vmm/msr.py": (
        ("from emu.vmm.msrs import architectural, ghcb, hyperv, ", "scratch, "),
        ("*x2apic.MSRS, *hyperv.MSRS", ", *scratch.MSRS"),
    ),
}
GUEST = """
    mov ecx, 0x40000200
    rdmsr
    mov [{DATA}], eax
    mov eax, 0x1234
    wrmsr
    rdmsr
    mov [{DATA} + 4], eax
    hlt
"""


def uses() -> None:
    session = boot(GUEST)
    session.do("run")
    assert (read(session, DATA, 4), read(session, DATA + 4, 4)) == (7, 0x1234)
    said = session.do("exits").reply
    assert any("wrmsr SCRATCH (0x40000200) = 0x1234" in line for line in said)
