"""What hypervisor registers are called in the words of calls.

Source: TLFS, HV_REGISTER_NAME; microsoft/openvmm, `vm/hv1/hvdef/src/lib.rs`,
HvX64RegisterName.
"""

from typing import Final

REGISTER_NAMES: Final = {
    0x0009_0002: "GuestOsId", 0x0009_0003: "VpIndex", 0x0009_0004: "TimeRefCount",
    0x000D_0002: "VsmCodePageOffsets", 0x000D_0003: "VsmVpStatus",
    0x000D_0004: "VsmPartitionStatus", 0x000D_0005: "VsmVina", 0x000D_0006: "VsmCapabilities",
    0x000D_0007: "VsmPartitionConfig",
}  # fmt: skip


def register_name(number: int) -> str:
    """`VsmVpStatus (0xd0003)`; the number alone of one without a name here."""
    name = REGISTER_NAMES.get(number)
    return f"{number:#x}" if name is None else f"{name} ({number:#x})"
