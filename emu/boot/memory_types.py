"""What a range of memory is for, in the words of whoever says so.

Sources: openvmm, `vm/loader/loader_defs/src/shim.rs` (MemoryVtlType); microsoft/igvm,
`igvm_defs/src/lib.rs` (MemoryMapEntryType); Linux, `arch/x86/include/asm/e820/types.h`.
"""

from typing import Final

OPENHCL: Final = {
    0: "VTL0", 1: "VTL2_RAM", 2: "VTL2_CONFIG", 3: "VTL2_SIDECAR_IMAGE",
    4: "VTL2_SIDECAR_NODE", 5: "VTL0_MMIO", 6: "VTL2_MMIO", 7: "VTL2_RESERVED",
    8: "VTL2_GPA_POOL", 9: "VTL2_TDX_PAGE_TABLES", 10: "VTL2_BOOTSHIM_LOG_BUFFER",
    11: "VTL2_PERSISTED_STATE_HEADER", 12: "VTL2_PERSISTED_STATE_PROTOBUF",
}  # fmt: skip
"""The property `openhcl,memory-type` of `/openhcl/memory@*`."""
IGVM: Final = {0: "MEMORY", 1: "PLATFORM_RESERVED", 2: "PERSISTENT", 3: "VTL2_PROTECTABLE"}
"""The property `microsoft,igvm-type` of memory nodes, and of a memory map's entries."""
E820: Final = {
    1: "RAM", 2: "RESERVED", 3: "ACPI", 4: "NVS", 5: "UNUSABLE", 7: "PMEM", 12: "PRAM",
    0xEFFF_FFFF: "SOFT_RESERVED",
}  # fmt: skip
PROPERTIES: Final = {"openhcl,memory-type": OPENHCL, "microsoft,igvm-type": IGVM}
"""Properties of a device tree whose one cell is such a type."""


def named(types: dict[int, str], value: int) -> str:
    """`VTL2_RAM`; `type 13` for one that has no name."""
    return types.get(value, f"type {value:#x}")
