"""HvCallNotifyLongSpinWait (0x08): a processor says that it waits for another one."""

from typing import Final

from emu.vmm.hypercalls.call import Answer, Hypercall, Request


def _notify(request: Request) -> Answer:
    spins = int.from_bytes(request.data[:8], "little")
    return Answer(why=f"after {spins} spins")


CALL: Final = Hypercall(0x08, "NotifyLongSpinWait", _notify, header_bytes=8, fast=True)
