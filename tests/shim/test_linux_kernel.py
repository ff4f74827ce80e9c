"""The sample that is booted as Linux is: its file, and that its CPUs come up where it claims.

Source of the header: Linux, Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
"""

import gzip
import struct
from pathlib import Path
from typing import Final

import pytest

from emu import Session, open_session
from emu.boot.samples import samples_dir
from emu.machine.event import Milestone

KERNEL: Final = samples_dir() / "linux/bzImage"
SHIM: Final = samples_dir() / "linux/shim.elf"
HEADER: Final = (
    (0x1FE, "<H", 0xAA55, "boot_flag"),
    (0x202, "<I", 0x53726448, "header"),
    (0x206, "<H", 0x20F, "version 2.15"),
    (0x211, "<B", 1, "loadflags: LOADED_HIGH"),
    (0x230, "<I", 0x200000, "kernel_alignment"),
    (0x234, "<B", 1, "relocatable_kernel"),
    (0x236, "<H", 3, "xloadflags: KERNEL_64, CAN_BE_LOADED_ABOVE_4G"),
    (0x258, "<Q", 0x1000000, "pref_address"),
)


def test_its_header_is_boot_rst_s() -> None:
    data = KERNEL.read_bytes()
    for at, form, value, name in HEADER:
        assert struct.unpack_from(form, data, at) == (value,), name
    first = (data[0x1F1] + 1) * 512
    offset, size = struct.unpack_from("<II", data, 0x248)
    assert first + offset + size == len(data)
    assert gzip.decompress(data[first + offset :])[:4] == b"\x7fELF"
    (pointer,) = struct.unpack_from("<H", data, 0x20E)
    assert data[pointer + 0x200 :].startswith(b"0.0-sample ")


def booted(image: str, platform: str, **more: object) -> Session:
    session = open_session(image, platform=platform, memory=64, **more)  # type: ignore[arg-type]
    session.do("run")
    return session


def came_up(session: Session, cpus: int) -> None:
    board = session.machine.board
    words = "CPUs" if cpus > 1 else "CPU"
    assert f"smp: Brought up 1 node, {cpus} {words}\n".encode() in board.vmm.serial
    assert session.verdict is not None and session.verdict.outcome == "booted"
    assert [cpu.activity for cpu in board.cpus[1:]] == ["halted"] * (cpus - 1)
    assert [one.state for one in session.view().cpus] == ["online"] * cpus
    assert session.findings() == ()


@pytest.mark.parametrize("cpus", [1, 2, 4, 64])
@pytest.mark.parametrize("platform", ["linux", "none", "tdx"])
def test_entered_directly_it_brings_its_cpus_up(platform: str, cpus: int) -> None:
    came_up(booted(str(KERNEL), platform, cpus=cpus), cpus)


@pytest.mark.parametrize("cpus", [1, 4])
@pytest.mark.parametrize("platform", ["none", "vbs", "tdx", "sipi"])
def test_behind_the_shim_as_well(platform: str, cpus: int) -> None:
    came_up(booted(str(SHIM), platform, kernel=str(KERNEL), cpus=cpus), cpus)


def test_where_the_shim_starts_nobody_it_does_so_itself() -> None:
    session = booted(str(SHIM), "none", kernel=str(KERNEL), cmdline="mailbox=off", cpus=4)
    came_up(session, 4)
    sent = [e.text for e in session.machine.board.logs.events if "sends SIPI" in e.text]
    assert len(sent) == 6, "two to each"


BY_MAILBOX: Final = ["do_boot_cpu", "acpi_wakeup_cpu", "mailbox_ack", "mailbox_jump"]
BY_IPI: Final = ["do_boot_cpu", "wakeup_secondary_cpu_via_init"]
ITS_OWN: Final = ["secondary_startup_64", "start_secondary", "cpu_startup_entry"]


@pytest.mark.parametrize(
    ("platform", "way"), [("linux", BY_IPI), ("none", BY_MAILBOX), ("tdx", BY_MAILBOX)]
)
def test_what_each_cpu_has_come_through_is_told_by_linux_s_own_names(
    platform: str, way: list[str]
) -> None:
    shim = None if platform == "linux" else SHIM
    session = booted(
        str(shim or KERNEL), platform, kernel=str(KERNEL) if shim else None, cpus=2
    )
    told = [e for e in session.machine.board.logs.events if isinstance(e.detail, Milestone)]
    names = [e.detail.name for e in told if isinstance(e.detail, Milestone)]
    begins = names.index("bringup_nonboot_cpus")
    wanted = ["start_kernel", "bringup_nonboot_cpus", *way, *ITS_OWN, "native_smp_cpus_done"]
    assert [name for name in names[begins - 1 :] if name != "arrived"] == wanted
    assert [e.cpu for e in told if isinstance(e.detail, Milestone)
            and e.detail.name in ITS_OWN] == [1, 1, 1]  # fmt: skip
    lines = [e for e in session.machine.board.logs.events if e.kind == "serial"]
    assert lines[-1].cpu == 0 and lines[-1].text.endswith("smp: Brought up 1 node, 2 CPUs")
    reached = [phase.name for phase in session.view().phases if phase.reached]
    assert reached[-2:] == ["online", "done"]


def test_behind_the_plain_shim_each_cpu_is_lost_and_it_is_said_why() -> None:
    plain = str(samples_dir() / "shim.elf")
    session = booted(plain, "tdx", kernel=str(KERNEL), cpus=3)
    assert session.verdict is not None and session.verdict.outcome == "degraded"
    assert {f.rule for f in session.findings()} == {"vector-executable"}
    assert b"CPU2 failed to report alive state\n" in session.machine.board.vmm.serial


def test_ids_beyond_eight_bits_are_x2apic_entries(tmp_path: Path) -> None:
    platform = tmp_path / "wide.toml"
    text = (samples_dir() / "platforms/none.toml").read_text()
    platform.write_text(text.replace("apic_ids = { stride = 1 }", "apic_ids = [0, 300, 2]"))
    came_up(booted(str(KERNEL), str(platform), cpus=3), 3)
