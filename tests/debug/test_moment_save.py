"""A moment is written, opened again, looked at, and goes on as the machine itself does."""

import importlib.util
import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from emu import Session, open_session
from emu.boot.samples import samples_dir
from emu.debug.inspection import inspect
from emu.errors import ApdbgError
from tests.guest import BASE, DATA, IDT, MEMORY_BYTES, boot, read
from tui.__main__ import main

ROOT = Path(__file__).parents[2]
MULTIBOOT = str(samples_dir() / "multiboot/kernel.elf")
COUNTS = """
start: mov ecx, 200
1:  lock inc qword ptr [{SHARED}]
    mov rax, [{SHARED}]
    mov [{DATA} + rcx * 8], rax
    pushfq
    pop qword ptr [{DATA} + 0x2000]
    dec ecx
    jnz 1b
    hlt
"""
"""Two CPUs take turns; what each saw stands in memory."""


def memory(session: Session) -> bytes:
    found = session.machine.board.ram.guest_bytes(BASE, MEMORY_BYTES)
    assert found is not None
    return found


def saved(session: Session, folder: Path) -> str:
    file = str(folder / "moment.json")
    said = session.do(f"save moment {file}").reply
    assert "moment.json: " in said[0]
    return file


@pytest.mark.parametrize("steps", [0, 7, 333])
def test_a_moment_ends_as_the_machine_would_have(tmp_path: Path, steps: int) -> None:
    first = boot(COUNTS, cpus=1)
    if steps:
        first.do(f"step {steps}")
    file = saved(first, tmp_path)
    first.do("run")
    again = open_session(file)
    assert again.machine.board.platform.name == "none", "the file says it"
    again.do("run")
    assert memory(again) == memory(first)
    assert again.registers(0)["rip"] == first.registers(0)["rip"]
    assert again.registers(0)["rflags"] == first.registers(0)["rflags"]


def test_all_cpus_go_on_where_they_stood(tmp_path: Path) -> None:
    first = boot(COUNTS, cpus=2)
    first.do("run 500")
    file = saved(first, tmp_path)
    before = [first.registers(cpu) for cpu in (0, 1)]
    again = open_session(file)
    assert [again.registers(cpu) for cpu in (0, 1)] == before
    assert memory(again) == memory(first)
    again.do("run")
    assert again.digest() != ""
    first.do("run")
    shared = DATA - 0x10000
    assert read(again, shared) == read(first, shared) == 400


def test_a_moment_is_looked_at_and_gone_back_in(tmp_path: Path) -> None:
    first = boot(COUNTS)
    first.do("step 20")
    session = open_session(saved(first, tmp_path))
    rip = session.registers(0)["rip"]
    session.do("step 5")
    session.do("reverse-step 5")
    assert session.registers(0)["rip"] == rip
    assert any("0x400000" in line for line in session.do("walk rip").reply)
    assert session.do(f"mem {IDT:#x}").reply


def test_names_come_from_a_file_that_is_found_by_its_bytes(tmp_path: Path) -> None:
    first = open_session(platform="none", cpus=2)
    first.do("until kernel_start")
    file = saved(first, tmp_path)
    session = open_session(file, symbols=[str(samples_dir() / "kernel.elf")])
    session.do("until wake_aps")
    assert session.machine.board.place(session.machine.board.cpus[0]).startswith("wake_aps")


def test_bases_that_64_bit_mode_ignores_are_ignored(tmp_path: Path) -> None:
    """AMD APM 2, 4.5.3: CS, DS, ES and SS are based at 0."""
    first = boot(COUNTS)
    file = Path(saved(first, tmp_path))
    made = json.loads(file.read_text())
    for name in ("cs", "ds", "ss"):
        made["cpus"][0]["registers"]["segments"][name]["base"] = 1 << 63
    file.write_text(json.dumps(made))
    session = open_session(str(file))
    session.do("run")
    first.do("run")
    assert memory(session) == memory(first)


def test_a_moment_of_a_td_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ApdbgError, match="save moment: on tdx memory is not only bytes"):
        open_session(platform="tdx").do(f"save moment {tmp_path}/x.json")
    file = saved(boot(COUNTS), tmp_path)
    with pytest.raises(ApdbgError, match='a platform with isolation = "none" takes it'):
        open_session(file, platform="tdx")
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize("option", ["cpus", "memory", "kernel", "cmdline"])
def test_what_a_moment_says_itself_is_not_the_command_line_s(
    tmp_path: Path, option: str
) -> None:
    file = saved(boot(COUNTS), tmp_path)
    given: dict[str, Any] = {option: 64 if option in ("cpus", "memory") else "x"}
    with pytest.raises(ApdbgError, match=f"a moment of a machine.*: it takes no --{option}$"):
        open_session(file, **given)


def test_an_msr_that_nobody_has_is_named(tmp_path: Path) -> None:
    file = Path(saved(boot(COUNTS), tmp_path))
    made = json.loads(file.read_text())
    made["cpus"][0]["registers"]["msrs"] = {"0x12345": 1}
    file.write_text(json.dumps(made))
    with pytest.raises(ApdbgError, match=r"cpus\[0\].registers.msrs: there is no MSR 0x12345"):
        open_session(str(file))


def test_the_time_stamp_counter_goes_on(tmp_path: Path) -> None:
    source = "start: mov ecx, 5000\n1: dec ecx\n jnz 1b\n rdtsc\n mov [{DATA}], eax\n hlt"
    first = boot(source)
    first.do("step 9000")
    again = open_session(saved(first, tmp_path))
    first.do("run")
    again.do("run")
    assert abs(read(again, DATA, 4) - read(first, DATA, 4)) <= 1


def test_inspect_says_what_is_in_one(tmp_path: Path) -> None:
    found, _ = inspect(saved(boot(COUNTS, cpus=2), tmp_path))
    assert found.words.startswith("a moment of a machine: 2 CPUs, 2.0 MiB, CPU 0 in 64-bit")
    assert found.see == "docs/howto/moment.md"


# -- QEMU -----------------------------------------------------------------------------------

QEMU_TEXT = """\
CPU#0
EAX=2badb002 EBX=00009500 ECX=00000000 EDX=00000000
ESI=00000000 EDI=00000000 EBP=00000000 ESP=00006f08
EIP=0010000c EFL=00000006 [-----P-] CPL=0 II=0 A20=1 SMM=0 HLT=0
ES =0010 00000000 ffffffff 00cf9300 DPL=0 DS   [-WA]
CS =0008 00000000 ffffffff 00cf9a00 DPL=0 CS32 [-R-]
SS =0010 00000000 ffffffff 00cf9300 DPL=0 DS   [-WA]
LDT=0000 00000000 0000ffff 00008200 DPL=0 LDT
TR =0000 00000000 0000ffff 00008b00 DPL=0 TSS32-busy
GDT=     000caa68 00000027
IDT=     00000000 000003ff
CR0=00000011 CR2=00000000 CR3=00000000 CR4=00000000
DR0=0000000000000000 DR1=0000000000000000 DR2=0000000000000000 DR3=0000000000000000
DR6=00000000ffff0ff0 DR7=0000000000000400
EFER=0000000000000500

CPU#1
EAX=00000000 EBX=00000000 ECX=00000000 EDX=00000f61
ESI=00000000 EDI=00000000 EBP=00000000 ESP=00000000
EIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=1
CS =f000 ffff0000 0000ffff 00009b00 DPL=0 CS16 [-RA]
"""
"""The form of `info registers -a` (QEMU, target/i386/cpu-dump.c)."""


def converter() -> Any:
    spec = importlib.util.spec_from_file_location("qemu_moment", ROOT / "tools/qemu_moment.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_registers_are_read_as_qemu_prints_them() -> None:
    first, second = converter().cpus_of(QEMU_TEXT)
    registers = first["registers"]
    numbers = {name: int(registers[name], 16) for name in ("rax", "rip", "rflags", "efer")}
    assert numbers == {"rax": 0x2BADB002, "rip": 0x10000C, "rflags": 6, "efer": 0x500}
    assert registers["segments"]["cs"]["attributes"] == "0xc9a"
    assert registers["gdtr"] == {"base": "0x000caa68", "limit": "0x27"}
    assert (first["state"], second["state"]) == ("running", "wait-for-sipi")


@pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="QEMU is not there")
def test_a_moment_of_qemu_goes_on_to_the_end(tmp_path: Path) -> None:
    """QEMU stands at its reset vector; its BIOS is not in the moment, so only looks are had."""
    place = tmp_path / "qmp"
    words = ["qemu-system-x86_64", "-display", "none", "-m", "2", "-smp", "2", "-S", "-qmp",
             f"unix:{place},server=on,wait=on", "-kernel", MULTIBOOT]  # fmt: skip
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as qemu:
        try:
            for _ in range(2_000_000):
                if place.exists() and _answers(place):
                    break
            file = tmp_path / "qemu.json"
            script = [sys.executable, str(ROOT / "tools/qemu_moment.py"), str(place), str(file)]
            subprocess.run([*script, "2"], check=True, timeout=60)
        finally:
            qemu.kill()
    session = open_session(str(file))
    assert session.registers(0)["rip"] == 0xFFF0 and len(session.view().cpus) == 2
    assert main(["inspect", str(file)]) == 0


def _answers(place: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(place))
    except OSError:
        return False
    return True
