"""A Multiboot 1 kernel is entered as its specification says, and leaves with its own exit code.

Source: Multiboot Specification 0.6.96, 3.1 to 3.3.
"""

import shutil
import struct
import subprocess
from pathlib import Path
from typing import Final

import pytest

from emu import Session, open_session
from emu.boot.samples import samples_dir
from emu.errors import ApdbgError
from tui.__main__ import main

SAMPLE: Final = samples_dir() / "multiboot/kernel.elf"
HEADER: Final = struct.pack("<I", 0x1BADB002)


def opened(path: Path = SAMPLE, **more: object) -> Session:
    return open_session(str(path), **{"platform": "sipi", "cpus": 2, **more})  # type: ignore[arg-type]


def test_the_machine_state_is_the_specification_s() -> None:
    session = opened(cmdline="quiet")
    found = session.registers(0)
    assert found["rax"] == 0x2BADB002
    assert (found["cr0"] & 1, found["cr0"] >> 31, found["rflags"] & 1 << 9) == (1, 0, 0)
    registers = session.machine.board.cpus[0].registers
    assert registers.mode == "protected"
    for name in ("cs", "ds", "es", "fs", "gs", "ss"):
        segment = registers.segment(name)
        assert (segment.base, segment.limit) == (0, 0xFFFFFFFF)


def test_the_boot_information_is_the_specification_s() -> None:
    session = opened(cmdline="quiet", memory=64)
    ram = session.machine.board.ram
    at = session.registers(0)["rbx"]
    data = ram.guest_bytes(at, 88)
    assert data is not None
    flags, lower, upper = struct.unpack_from("<3I", data)
    assert (flags, lower, upper) == (1 << 0 | 1 << 2 | 1 << 6, 640, 63 << 10)
    (line,), (length, table) = (
        struct.unpack_from("<I", data, 16),
        struct.unpack_from("<2I", data, 44),
    )
    assert ram.guest_bytes(line, 6) == b"quiet\0"
    entries = ram.guest_bytes(table, length)
    assert entries is not None
    found = [struct.unpack_from("<IQQI", entries, place) for place in range(0, length, 24)]
    assert found == [(20, 0, 640 << 10, 1), (20, 1 << 20, 63 << 20, 1)]


@pytest.mark.parametrize("cpus", [1, 2, 4, 16])
def test_the_sample_brings_its_cpus_up_and_says_so(cpus: int) -> None:
    session = opened(cpus=cpus)
    session.do("run")
    assert session.verdict is not None and session.verdict.outcome == "booted"
    assert session.exit_code == 1 and not session.findings()


def test_run_ends_with_the_guest_s_own_code(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", str(SAMPLE), "--platform", "sipi", "--cpus", "3"]
    assert main(words) == 1
    assert main([*words, "--expect", "booted"]) == 0
    assert main([*words, "--until", "wake_aps"]) == 0, "it has not left yet"
    assert "all 3 CPUs came online" in capsys.readouterr().out


def changed(folder: Path, place: int, value: int) -> Path:
    """The sample with one 32-bit word of its header or of its ELF header changed."""
    data = bytearray(SAMPLE.read_bytes())
    struct.pack_into("<I", data, place, value)
    found = folder / "changed.elf"
    found.write_bytes(data)
    return found


def test_what_cannot_be_booted_is_one_sentence(tmp_path: Path) -> None:
    header = SAMPLE.read_bytes().index(HEADER)
    video = changed(tmp_path, header + 4, 6)
    data = bytearray(video.read_bytes())
    struct.pack_into("<I", data, header + 8, -(0x1BADB002 + 6) & 0xFFFFFFFF)
    video.write_bytes(data)
    with pytest.raises(ApdbgError, match=r"its multiboot header wants 0x4, which is not here$"):
        opened(video)
    with pytest.raises(ApdbgError, match=r"boots on --platform sipi and not on tdx$"):
        opened(platform="tdx")
    with pytest.raises(ApdbgError, match=r"it takes no --kernel$"):
        opened(kernel=str(SAMPLE))
    broken = changed(tmp_path, header + 8, 0)
    with pytest.raises(ApdbgError, match=r"is for 32-bit x86; apdbg boots"):
        opened(broken)
    cut = tmp_path / "cut.elf"
    cut.write_bytes(SAMPLE.read_bytes()[: header + 12])
    with pytest.raises(ApdbgError, match=r"cut.elf: the segment at 0x100000 is cut off$"):
        opened(cut)
    with pytest.raises(ApdbgError, match=r"lies at 0x100000 to 0x\w+, and .*raise --memory"):
        opened(changed(tmp_path, 0x34 + 0x20 + 0x14, 0x3F000000))


PROGRAMS: Final = ("smp", "nmi", "legacy")
SAYS: Final = {
    "smp": 4, "nmi": 4, "legacy": 6,
}  # fmt: skip
"""How many lines each prints; all begin with PASS."""


def lines(session: Session) -> list[str]:
    return session.machine.board.vmm.serial.decode().split("\n")[:-1]


@pytest.mark.parametrize("cpus", [1, 2, 4])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_for_qemu_passes_here(name: str, cpus: int) -> None:
    session = opened(SAMPLE.with_name(f"{name}.elf"), cpus=cpus)
    session.do("run")
    said = lines(session)
    assert len(said) == SAYS[name] and all(line.startswith("PASS: ") for line in said)
    assert session.exit_code == 1, "as under QEMU"


@pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="QEMU is not there")
@pytest.mark.parametrize(("name", "cpus"), [("smp", 4), ("nmi", 2), ("legacy", 1)])
def test_qemu_prints_the_same_and_ends_with_the_same_code(name: str, cpus: int) -> None:
    image = SAMPLE.with_name(f"{name}.elf")
    words = ["qemu-system-x86_64", "-display", "none", "-serial", "stdio", "-m", "64", "-smp",
             str(cpus), "-no-reboot", "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
             "-kernel", str(image)]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    session = opened(image, cpus=cpus)
    session.do("run")
    assert done.stdout.replace("\r", "").split("\n")[:-1] == lines(session)
    assert done.returncode == session.exit_code
