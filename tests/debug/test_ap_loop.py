"""Somebody's mailbox loop by itself: its APs begin in it, and a kernel wakes them.

Loops of the shape of the field's are written after tianocore/edk2, OvmfPkg/TdxDxe/X64/
ApRunLoop.nasm, and confidential-containers/td-shim, td-shim/src/bin/td-shim/asm/ap_loop.asm:
the mailbox comes in RBX, the vCPU's index in RBP, the APIC id is CPUID leaf 0xB of the host.
"""

from pathlib import Path
from typing import Any, Final

import pytest

from emu import Session, open_session
from emu.boot.samples import samples_dir
from emu.debug.reproduce import reproduction
from emu.errors import ApdbgError
from emu.mailbox.ap import TEST
from emu.mailbox.observation import Stored
from tests.guest import CODE, program
from tui.__main__ import main

PLATFORMS: Final = ("none", "vbs", "tdx", "sipi")
LOOPS: Final = samples_dir() / "loops"
GOOD, BAD = str(LOOPS / "one-load.elf"), str(LOOPS / "ack-first.elf")
_ASK: Final = """
    xor eax, eax
    mov ecx, MASK
    xor r10d, r10d
    mov r11d, 0xa
    mov r12d, 0xb
    xor r13d, r13d
    xor r14d, r14d
    xor r15d, r15d
    .byte 0x66, 0x0f, 0x01, 0xcc
    test r10, r10
    jnz lost
    mov r8d, r15d
"""
EDK2: Final = f"""
start: {_ASK}
    mov [rip + kept], rbx
loop: cmp dword ptr [rbx], 0
    je loop
    cmp dword ptr [rbx + 4], 0xfffffffe
    je command
    cmp [rbx + 4], r8d
    jne loop
command: cmp dword ptr [rbx], 1
    je wakeup
    cmp dword ptr [rbx], 2
    je tested
    cmp dword ptr [rbx], 3
    je sleep
    jmp loop
wakeup: mov rax, [rbx + 8]
    mov qword ptr [rbx], 0
    jmp rax
tested: mov qword ptr [rbx], 0
    jmp loop
sleep: jmp sleep
lost: ud2
reset: mov rbx, [rip + kept]
    jmp start
kept: .quad 0
"""
TD_SHIM: Final = f"""
start: {_ASK}
loop: cmp dword ptr [rbx + 4], 0xfffffffe
    je command
    cmp [rbx + 4], r8d
    jne loop
command: mov eax, [rbx]
    cmp eax, 0
    je loop
    cmp eax, 1
    je wakeup
    jmp loop
wakeup: mov rax, 0
    mov eax, [rbx + 8]
    mov qword ptr [rbx], 0
    jmp rax
lost: ud2
"""
_WAITS: Final = """
loop: mov rax, [rbx]
    mov rcx, rax
    shr rcx, 32
    cmp r8d, ecx
    jne again
    cmp ax, 1
    je woken
again: pause
    jmp loop
woken: mov rdx, [rbx + 8]
    mov word ptr [rbx], 0
    jmp rdx
"""
_TO_LONG: Final = f"""
    .code32
    mov eax, cr4
    or eax, 0x20
    mov cr4, eax
    mov cr3, esi
    mov ecx, 0xc0000080
    rdmsr
    test eax, 0x100
    jnz 1f
    or eax, 0x100
    wrmsr
1:  mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    call 2f
2:  pop eax
    add eax, 9
    push 0x10
    push eax
    retf
    nop
    nop
    .code64
{_WAITS}"""
PROTECTED: Final = "start:" + _TO_LONG
REAL: Final = f"""
start: .code16
    mov ax, cs
    mov ds, ax
    xor edi, edi
    mov di, ax
    shl edi, 4
    add dword ptr [0x42], edi
    add dword ptr [0x48], edi
    lgdt [0x40]
    mov eax, cr0
    or eax, 1
    mov cr0, eax
    .byte 0x66, 0xff, 0x2e, 0x48, 0
    .org 0x40
    .word 31
    .long 0x50
    .org 0x48
    .long 0x80
    .word 8
    .org 0x50
    .quad 0, 0x00CF9B000000FFFF, 0x00AF9B000000FFFF, 0x00CF93000000FFFF
    .org 0x80
    .code32
    mov eax, 0x18
    mov ds, eax
    mov ss, eax
    {_TO_LONG}
"""
"""A start-up IPI's code: at 0x40 what LGDT wants, at 0x48 a far pointer to 0x80."""


def bare(folder: Path, source: str, mask: int = 0xFC00) -> tuple[str, dict[str, str]]:
    """A file of nothing but the code, and the offsets of its labels."""
    found = program(source.replace("MASK", f"{mask:#x}"))
    place = folder / "loop.bin"
    place.write_bytes(found.code)
    return str(place), {name: f"{at - CODE:#x}" for name, at in found.labels.items()}


def ran(loop: str, platform: str = "none", **more: Any) -> Session:
    """The session at its end."""
    session = open_session(ap_loop=loop, platform=platform, **more)
    session.do("run")
    return session


def rules(session: Session) -> set[str]:
    return {one.rule for one in session.findings()}


def outcome(session: Session) -> str:
    assert session.verdict is not None
    return session.verdict.outcome


@pytest.mark.parametrize("reset", ["", "loop_reset"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_good_sample_is_clean(platform: str, reset: str) -> None:
    session = ran(GOOD, platform, loop_reset=reset)
    assert (outcome(session), rules(session)) == ("booted", set())
    stores = [o for o in session.machine.board.logs.observed if isinstance(o, Stored)]
    tested = [one for one in stores if one.cpu == 0 and one.after.command == TEST]
    assert bool(tested) == bool(reset), "only who takes a CPU back is asked whether it has it"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_bad_sample_is_told_of_by_its_rule_and_cpus(platform: str) -> None:
    session = ran(BAD, platform)
    found = [one for one in session.findings() if one.rule == "vector-before-ack"]
    assert rules(session) == {"vector-before-ack"}
    assert {one.cpu for one in found} == {1, 2, 3}
    assert {one.where for one in found} == {"loop_ack at shim/loops/ack-first.inc:4"}


def test_where_it_lies_is_the_user_s_to_say(tmp_path: Path) -> None:
    session = ran(GOOD, at=0x8765000, mailbox=0x8766000, cpus=3)
    board = session.machine.board
    assert board.layout.symbols.find("loop_start") == [0x8765000]
    assert board.mailbox_gpa == 0x8766000
    assert rules(session) == set()
    low = ran(GOOD, at=0x7000, mailbox=0x8000, cpus=2)
    assert (outcome(low), rules(low)) == ("booted", set())


@pytest.mark.parametrize(
    ("source", "dialect", "reset", "known"),
    [
        (EDK2, "edk2", "", set()),
        (EDK2, "edk2", "reset", set()),
        (TD_SHIM, "td-shim", "", set()),
    ],
)
def test_loops_of_the_field_s_shape_run_as_bytes(
    tmp_path: Path, source: str, dialect: str, reset: str, known: set[str]
) -> None:
    """What their firmwares are known to do is excused; else nothing is found."""
    loop, labels = bare(tmp_path, source)
    session = ran(loop, "tdx", loop_reset=labels[reset] if reset else "")
    judge = session.desk.judge
    assert (outcome(session), rules(session)) == ("booted", known)
    assert dialect in judge.dialect()


def test_the_mask_that_both_firmwares_use_is_told_of_where_rbp_must_not_be_shown(
    tmp_path: Path,
) -> None:
    loop, _ = bare(tmp_path, TD_SHIM, mask=0xFFEC)
    assert "call-mask" in rules(ran(loop, "tdx"))


@pytest.mark.parametrize("platform", ["none", "tdx"])
def test_a_loop_may_be_come_to_in_protected_mode(tmp_path: Path, platform: str) -> None:
    loop, _ = bare(tmp_path, PROTECTED)
    session = ran(loop, file(tmp_path, platform), loop_mode="protected")
    assert (outcome(session), rules(session)) == ("booted", set())


def test_a_loop_may_be_come_to_in_real_mode(tmp_path: Path) -> None:
    loop, _ = bare(tmp_path, REAL)
    session = ran(loop, file(tmp_path, "none"), loop_mode="real", cpus=2)
    assert (outcome(session), rules(session)) == ("booted", set())


def file(folder: Path, platform: str, lines: str = "") -> str:
    """A platform whose loop finds the tables in RSI, too."""
    text = (samples_dir() / f"platforms/{platform}.toml").read_text()
    registers = 'rbx = "mailbox", r8 = "apic-id", rsi = "tables"'
    place = folder / "own.toml"
    place.write_text(f"{text}\n[loop]\nregisters = {{ {registers} }}\n{lines}")
    return str(place)


def test_a_platform_s_file_says_what_the_command_line_does_not(tmp_path: Path) -> None:
    lines = 'at = 0x8800000\nmailbox = 0x8801000\nentry = "loop_wait"\nreset = "loop_reset"\n'
    own = file(tmp_path, "none", lines)
    session = open_session(ap_loop=GOOD, platform=own, cpus=2, mailbox=0x8900000)
    board = session.machine.board
    registers = session.registers(1)
    assert board.mailbox_gpa == registers["rbx"] == 0x8900000
    assert registers["rip"] == board.layout.symbols.find("loop_wait")[0] > 0x8800000
    assert registers["rsi"] == registers["cr3"] and registers["r8"] == 1
    assert registers["rbp"] == 0, "the table stands for all of them but the stack"
    assert registers["rsp"]


def test_the_tables_of_its_aps_map_all_memory_for_everything(tmp_path: Path) -> None:
    """A firmware of the field would have some of it read-only or without execution."""
    wild = "start: lea rax, [rip + 1f]\n mov byte ptr [rax], 0x90\n1: hlt\n hlt"
    loop, _ = bare(tmp_path, wild)
    session = open_session(ap_loop=loop, platform="vbs", cpus=2)
    session.do("cpu 1")
    session.do("step 3")
    board = session.machine.board
    assert board.linear_rip(board.cpus[1]) == board.layout.placed[0].start + 11


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"at": 0x1000}, "--at: there is no loop: --ap-loop FILE gives one"),
        ({"ap_loop": GOOD, "image": "x.elf"}, "no place for x.elf: give it as --kernel"),
        ({"ap_loop": GOOD, "initrd": GOOD}, "it takes no --initrd"),
        ({"ap_loop": GOOD, "mailbox": 0x8000010}, "--mailbox 0x8000010: a mailbox is a page"),
        ({"ap_loop": GOOD, "at": 0x8000000, "mailbox": 0x8000000},
         "--mailbox 0x8000000: lies in the loop's own pages"),
        ({"ap_loop": GOOD, "at": 0xF0000000}, "--at 0xf0000000: memory lies at 0x8000000 to"),
        ({"ap_loop": GOOD, "loop_entry": "nowhere"}, "--loop-entry nowhere: "),
        ({"ap_loop": GOOD, "loop_reset": "0x2000"}, "--loop-reset 0x2000: "),
        ({"ap_loop": GOOD, "loop_mode": "real", "at": 0x8000000}, "a page below 1 MiB"),
        ({"ap_loop": GOOD, "loop_mode": "real", "platform": "tdx"}, "a TD has no real mode"),
        ({"ap_loop": GOOD, "memory": 2}, "2 MiB of memory are not enough for"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ApdbgError) as told:
        open_session(**{"platform": "none", **given})
    assert sentence in str(told.value) and "\n" not in str(told.value)


def test_an_empty_file_is_no_loop(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(ApdbgError, match=r"empty: is empty$"):
        open_session(ap_loop=str(tmp_path / "empty"))


def test_the_command_that_comes_there_says_the_loop() -> None:
    session = ran(GOOD, cpus=2, at=0x8765000, loop_reset="loop_reset")
    command = reproduction(session.desk).command
    assert f"--ap-loop {GOOD} --at {0x8765000} --loop-reset loop_reset" in command


@pytest.mark.parametrize(("loop", "code"), [(GOOD, 0), (BAD, 1)])
def test_the_exit_code_is_that_of_the_verdict(
    loop: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "--platform", "sipi", "--ap-loop", loop, "--at", "0x8765000"]
    assert main([*words, "--mailbox", "0x8000000"]) == code
    said = capsys.readouterr().out
    assert "all 4 CPUs came online" in said
    assert 'order "one 8-byte load", ack of 16 bits: holds' in said
