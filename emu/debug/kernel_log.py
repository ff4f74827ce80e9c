"""What a Linux kernel has printed to its own ring buffer, whether or not a console had it."""

from functools import lru_cache, partial
from typing import Final

from emu.boot.btf import BtfStruct, structs
from emu.machine.machine import Machine
from emu.vmm.printk import STRUCTS, Printed, printed

_BTF_BYTES_MAX: Final = 64 << 20
_POINTER: Final = 8


def kernel_log(machine: Machine) -> tuple[Printed, ...]:
    """All of it, oldest first, by the page tables of the first CPU that has it mapped; nothing
    where no image is a kernel with BTF, or it cannot be read yet."""
    find = machine.board.layout.symbols.find
    places = [find(name) for name in ("prb", "__start_BTF", "__stop_BTF")]
    if any(len(some) != 1 for some in places):
        return ()
    ring, begin, end = (some[0] for some in places)
    if not 0 < end - begin <= _BTF_BYTES_MAX:
        return ()
    for cpu in machine.board.cpus:
        if cpu.context is not None:
            read = partial(machine.board.virtual.read, cpu.registers)
            pointer, data = read(ring, _POINTER), read(begin, end - begin)
            if pointer is not None and data is not None:
                address = int.from_bytes(pointer, "little")
                return printed(read, _layouts(data), address) or ()
    return ()


@lru_cache(maxsize=2)
def _layouts(data: bytes) -> dict[str, BtfStruct]:
    return structs(data, STRUCTS)
