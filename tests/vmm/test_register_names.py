"""Hypervisor registers by name: microsoft/openvmm, `vm/hv1/hvdef/src/lib.rs`
(HvX64RegisterName), as openhcl_boot and its sidecar ask for them."""

import pytest

from emu.vmm.hypercalls.register_names import register_name

NAMES = {
    0x00090002: "GuestOsId", 0x00090003: "VpIndex", 0x00090004: "TimeRefCount",
    0x000D0002: "VsmCodePageOffsets", 0x000D0003: "VsmVpStatus",
    0x000D0004: "VsmPartitionStatus", 0x000D0005: "VsmVina", 0x000D0006: "VsmCapabilities",
    0x000D0007: "VsmPartitionConfig",
}  # fmt: skip


@pytest.mark.parametrize("number", NAMES)
def test_a_register_that_is_asked_for_has_its_name(number: int) -> None:
    assert register_name(number) == f"{NAMES[number]} ({number:#x})"


def test_one_without_a_name_is_its_number() -> None:
    assert register_name(0x1234) == "0x1234"
