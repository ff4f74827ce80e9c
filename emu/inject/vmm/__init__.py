"""What the VMM and the TDX module do wrong, or what they hand over."""

from typing import Final

from emu.inject.kind import InjectionKind
from emu.inject.vmm import (
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

KINDS: Final[tuple[InjectionKind, ...]] = (
    status.KIND, twice.KIND, late.KIND, lie.KIND, msr_lie.KIND, cpuid_lie.KIND,
    memory_map.KIND, host_tree.KIND, kernel_tree.KIND,
)  # fmt: skip
