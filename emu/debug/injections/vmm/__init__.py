"""What the VMM and the TDX module do wrong, or what they hand over."""

from typing import Final

from emu.debug.injections.kind import Kind
from emu.debug.injections.vmm import (
    cpuid_lie,
    host_tree,
    kernel_tree,
    late,
    lie,
    memory_map,
    msr_lie,
    status,
    twice,
)

KINDS: Final[tuple[Kind, ...]] = (
    status.KIND, twice.KIND, late.KIND, lie.KIND, msr_lie.KIND, cpuid_lie.KIND,
    memory_map.KIND, host_tree.KIND, kernel_tree.KIND,
)  # fmt: skip
