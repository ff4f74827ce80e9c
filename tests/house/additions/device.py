"""A device: two decisions, of reading and of writing, and the ports and windows of them."""

from tests.guest import DATA, boot, read

NEW = {
    "emu/vmm/devices/adder.py": '''\
"""A port and a word of memory: what is written to either is added up, and read at both."""

from typing import Final

from emu.vmm.devices.device import Device, Window
from emu.vmm.effects import Effects, SetDevice
from emu.vmm.state import Caller


def _read(caller: Caller, offset: int, width: int) -> tuple[int, Effects]:
    return caller.vmm.devices.get(("adder", 0), 0), ()


def _write(caller: Caller, offset: int, width: int, value: int) -> Effects:
    return (SetDevice("adder", 0, _read(caller, offset, width)[0] + value),)


ADDER: Final = Device(
    "adder", _read, _write, range(0x560, 0x564), (Window(0xFED1_0000, 4),), widths=(4,)
)
''',
}
LINES = {
    "emu/vmm/devices/__init__.py": (
        ("from typing import Final\n\n", "from emu.vmm.devices.adder import ADDER\n"),
        ("COM3, POST, POWER", ", ADDER"),
    ),
}
GUEST = """
    mov rax, 0xfed10003     # a leaf for the window
    mov [{PT2}], rax
    mov dx, 0x560
    mov eax, 40
    out dx, eax
    mov dword ptr [{WINDOW}], 2
    in eax, dx
    mov [{DATA}], eax
    mov ebx, [{WINDOW}]
    mov [{DATA} + 4], ebx
    hlt
"""


def uses() -> None:
    session = boot(GUEST)
    session.do("run")
    assert (read(session, DATA, 4), read(session, DATA + 4, 4)) == (42, 42)
    session.do("goto 5")
    assert session.machine.board.vmm.devices == {("adder", 0): 40}
