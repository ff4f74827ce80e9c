"""HvCallNotifyLongSpinWait (0x08): a processor says that it waits for another one."""

import struct
from typing import Final

from emu.vmm.hypercalls.call import Answer, Hypercall, Request
from emu.vmm.hypercalls.operands import fields


def _notify(request: Request) -> Answer:
    spins = int.from_bytes(request.data[:8], "little")
    return Answer(why=f"after {spins} spins")


_HEADER: Final = struct.Struct("<Q")
CALL: Final = Hypercall(
    0x08, "NotifyLongSpinWait", _notify, fields(_HEADER, "spins"), header_bytes=8, fast=True
)
