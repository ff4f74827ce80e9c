"""The named points of a boot: symbols whose first execution on a CPU is worth a line."""

from typing import Final, Literal

from msgspec import Struct

Phase = Literal["", "parked", "online", "failed"]


class Milestone(Struct, frozen=True):
    """A symbol, what it means to a person, and what reaching it says of the CPU."""

    symbol: str
    words: str
    phase: Phase = ""


MILESTONES: Final = (
    Milestone("reset_entry", "leaves the reset vector"),
    Milestone("_start", "enters the shim"),
    Milestone("shim_main", "runs C code"),
    Milestone("accept_memory", "accepts its memory"),
    Milestone("build_ap_tables", "builds page tables for the APs"),
    Milestone("start_aps", "asks for its CPUs"),
    Milestone("wait_for_aps", "waits until they are parked"),
    Milestone("write_device_tree", "writes the kernel's device tree"),
    Milestone("enter_kernel", "leaves the shim"),
    Milestone("ap_entry64", "starts in 64-bit mode"),
    Milestone("ap_trampoline", "starts in real mode"),
    Milestone("mailbox_wait", "waits at the mailbox", "parked"),
    Milestone("mailbox_ack", "takes the wake-up"),
    Milestone("mailbox_jump", "leaves the mailbox"),
    Milestone("mailbox_reset_vector", "is handed back to the firmware"),
    Milestone("ap_failed", "gives itself up", "failed"),
    Milestone("kernel_start", "enters the kernel"),
    Milestone("wake_aps", "wakes its CPUs"),
    Milestone("secondary_start", "enters the kernel"),
    Milestone("secondary_online", "is online", "online"),
    Milestone("secondary_idle", "idles", "online"),
    Milestone("offline_ap", "takes a CPU offline"),
    Milestone("kernel_done", "is done", "online"),
)
