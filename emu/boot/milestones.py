"""The named points of a boot: symbols whose first execution on a CPU is worth a line."""

from typing import Final, Literal

from msgspec import Struct

Phase = Literal["", "parked", "online", "failed"]


class NamedPoint(Struct, frozen=True):
    """A symbol, what it means to a person, and what reaching it says of the CPU."""

    symbol: str
    words: str
    phase: Phase = ""


MILESTONES: Final = (
    NamedPoint("reset_entry", "leaves the reset vector"),
    NamedPoint("_start", "enters the shim"),
    NamedPoint("shim_main", "runs C code"),
    NamedPoint("accept_memory", "accepts its memory"),
    NamedPoint("build_ap_tables", "builds page tables for the APs"),
    NamedPoint("start_aps", "asks for its CPUs"),
    NamedPoint("wait_for_aps", "waits until they are parked"),
    NamedPoint("write_device_tree", "writes the kernel's device tree"),
    NamedPoint("enter_kernel", "leaves the shim"),
    NamedPoint("ap_entry64", "starts in 64-bit mode"),
    NamedPoint("ap_trampoline", "starts in real mode"),
    NamedPoint("mailbox_wait", "waits at the mailbox", "parked"),
    NamedPoint("mailbox_ack", "takes the wake-up"),
    NamedPoint("mailbox_jump", "leaves the mailbox"),
    NamedPoint("mailbox_reset_vector", "is handed back to the firmware"),
    NamedPoint("ap_failed", "gives itself up", "failed"),
    NamedPoint("kernel_start", "enters the kernel"),
    NamedPoint("wake_aps", "wakes its CPUs"),
    NamedPoint("secondary_start", "enters the kernel"),
    NamedPoint("secondary_online", "is online", "online"),
    NamedPoint("secondary_idle", "idles", "online"),
    NamedPoint("offline_ap", "takes a CPU offline"),
    NamedPoint("kernel_done", "is done", "online"),
)
