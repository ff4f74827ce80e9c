"""A Linux kernel is entered as boot.rst says: shown by one of ours that looks at it."""

import struct
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from emu import Session, open_session
from emu.boot.contracts import contract_of, load
from emu.boot.linux.parked import LOOP
from emu.boot.samples import samples_dir
from emu.errors import ApdbgError, ImageError, PlatformError
from emu.hw.address import Gpa
from emu.machine import ipi
from emu.vmm.cpuid import read_cpuid
from emu.vmm.msr import read_msr
from tests.boot.elf import NOTYPE, Sym
from tests.boot.kernel import ABOVE, COMPRESSIONS, PLACE, bzimage, vmlinux
from tests.guest import program

SOURCE = """
begin:
    .skip 0x40, 0xCC
start:
    mov ebp, dword ptr [rsi + 0x228]    # the command line
say:
    mov al, byte ptr [rbp]
    inc rbp
    mov dx, 0x3F8
    out dx, al
    cmp al, 10
    jne say
    lea rax, [rip + high]
    mov rbx, 0xFFFFFFFF80000000
    add rax, rbx
    lea rbx, [rip + root]               # map the upper half, as the kernel's first steps do
    mov cr3, rbx
    jmp rax
high:
    lea rsi, [rip + first]              # APs begin at 0x8000
    mov edi, 0x8000
    mov ecx, 64
    rep movsb
    mov ecx, 0x1B                       # IA32_APIC_BASE
    rdmsr
    mov r15d, eax
    mov ecx, 0x830
    mov edx, 1
    mov eax, 0x4500                     # INIT to APIC id 1
    wrmsr
    mov eax, 0x4608                     # start-up: vector 8
    wrmsr
waits:
    pause
    cmp word ptr [0x7000], 0x600D
    jne waits
    mov dx, 0x604
    mov ax, 0x2000
    out dx, ax
stays:
    hlt
    jmp stays
.code16
first:
    mov word ptr [0x7000], 0x600D
rests:
    cli
    hlt
    jmp rests
.code64
    .p2align 12
root:
    .quad 0x1000003 + low - begin
    .skip 510 * 8
    .quad 0x1000003 + top - begin
low:
    .quad 0x1000003 + pages - begin
    .skip 511 * 8
top:
    .skip 510 * 8
    .quad 0x1000003 + pages - begin
    .skip 8
pages:
    .set at, 0
    .rept 512
    .quad at + 0x83
    .set at, at + 0x200000
    .endr
"""

ENTRY = 0x40


@lru_cache
def kernel() -> bytes:
    """Linked in the upper half, entered behind its first bytes."""
    code = program(SOURCE)
    names = tuple(
        Sym(name, at - code.labels["begin"] + PLACE + ABOVE, type=NOTYPE)
        for name, at in sorted(code.labels.items())
    )
    return vmlinux(code.code, entry=ENTRY, symbols=names)


def booted(folder: Path, data: bytes, **more: object) -> Session:
    """A session before the first instruction."""
    place = folder / "vmlinuz"
    place.write_bytes(data)
    return open_session(str(place), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("packed", [False, True])
def test_a_kernel_says_its_command_line_and_starts_its_ap(tmp_path: Path, packed: bool) -> None:
    data = bzimage(COMPRESSIONS["zstd"](kernel())) if packed else kernel()
    session = booted(tmp_path, data, cpus=2, cmdline="console=ttyS0 quiet\n")
    session.do("run")
    board = session.machine.board
    assert session.verdict is not None and session.verdict.outcome == "booted"
    assert board.vmm.serial == b"console=ttyS0 quiet\n"
    assert [cpu.activity for cpu in board.cpus] == ["running", "halted"]
    assert board.place(board.cpus[1]).startswith("rests"), "in the copy, too"
    assert board.cpus[0].registers.get("r15") == 0xFEE0_0D00, "x2APIC, enabled, the BSP"
    assert board.platform.name == session.desk.setup.options.platform == "linux"


def test_what_the_kernel_finds_is_what_boot_rst_says(tmp_path: Path) -> None:
    initrd = tmp_path / "initrd"
    initrd.write_bytes(b"070701" + bytes(5000))
    session = booted(tmp_path, kernel(), cpus=3, cmdline="quiet", initrd=str(initrd))
    board = session.machine.board
    cpu = board.cpus[0]
    assert cpu.registers.rip == PLACE + ENTRY
    assert board.place(cpu) == "start", "also where it is not linked"
    get = cpu.registers.get
    assert not get("rflags") & 1 << 9, "interrupts are off"
    page = memory(session, get("rsi"), 4096)
    line, size, at = (
        struct.unpack_from("<I", page, place)[0] for place in (0x228, 0x21C, 0x218)
    )
    assert memory(session, line, 6) == b"quiet\0"
    assert (memory(session, at, size), size) == (initrd.read_bytes(), 5006)
    rows = [struct.unpack_from("<QQI", page, 0x2D0 + 20 * i) for i in range(page[0x1E8])]
    ends = [(gpa, gpa + count, kind) for gpa, count, kind in rows]
    assert ends[-1] == (0x10_0000, 512 << 20, 1)
    assert all(before[1] <= after[0] for before, after in pairwise(ends))
    used = (get("rsi"), line, at, PLACE, get("cr3"))
    assert all(any(a <= one < b and kind == 1 for a, b, kind in ends) for one in used)
    root = struct.unpack_from("<Q", page, 0x70)[0]
    assert [kind for a, b, kind in ends if a <= root < b] == [3], "ACPI data"
    assert memory(session, root, 8) == b"RSD PTR "
    rooms = sorted((region.gpa, region.gpa + region.size) for region in board.layout.regions)
    assert all(before[1] <= after[0] for before, after in pairwise(rooms))


def memory(session: Session, gpa: int, count: int) -> bytes:
    data = session.machine.board.ram.guest_bytes(Gpa(gpa), count)
    assert data is not None
    return data


def test_names_are_those_of_the_upper_half(tmp_path: Path) -> None:
    session = booted(tmp_path, kernel(), cpus=2, cmdline="\n")
    session.do("until waits")
    assert session.machine.board.linear_rip(session.machine.board.cpus[0]) > ABOVE
    assert "waits" in session.stop[0].text


def test_a_kernel_without_symbols_takes_those_of_another_file(tmp_path: Path) -> None:
    named = tmp_path / "vmlinux.elf"
    named.write_bytes(kernel())
    bare = vmlinux(program(SOURCE).code, entry=ENTRY, symbols=(Sym("x", 0),))
    session = booted(tmp_path, bare, cpus=2, cmdline="\n", symbols=(str(named),))
    session.do("until waits")
    assert "waits" in session.stop[0].text


def test_a_platform_that_linux_would_die_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlatformError) as found:
        booted(tmp_path, kernel(), platform="vbs")
    assert "of which vbs is none: `--platform linux` is" in str(found.value)
    place = changed(tmp_path, "tdx", ("hyperv = true", "hyperv = false"))
    with pytest.raises(PlatformError) as found:
        booted(tmp_path, kernel(), platform=place)
    assert 'hypervisor = "kvm", which tdx does not say' in str(found.value)


def changed(folder: Path, platform: str, *words: tuple[str, str]) -> str:
    """A file that says the same as a packaged platform, but for these words."""
    text = (samples_dir() / f"platforms/{platform}.toml").read_text()
    for before, after in words:
        assert before in text
        text = text.replace(before, after)
    place = folder / f"{platform}.toml"
    place.write_text(text)
    return str(place)


KVM = 'hyperv = false\nhypervisor = "kvm"'
HYPERVISORS = [
    ("linux", "hyperv = true", b"Microsoft Hv", 0xFEE0_0D00),
    ("linux", KVM, b"KVMKVMKVM\0\0\0", 0xFEE0_0D00),
    ("linux", "hyperv = false", None, 0xFEE0_0900),
    ("tdx", KVM, b"KVMKVMKVM\0\0\0", 0xFEE0_0D00),
]  # fmt: skip


@pytest.mark.parametrize(("platform", "words", "signature", "apic"), HYPERVISORS)
def test_our_kernel_comes_up_under_every_hypervisor(
    tmp_path: Path, platform: str, words: str, signature: bytes | None, apic: int
) -> None:
    """Without one in xAPIC mode, in which firmware leaves CPUs (CPUID.1:ECX[31] tells)."""
    place = changed(tmp_path, platform, ("hyperv = true", words))
    image = str(samples_dir() / "linux/bzImage")
    session = open_session(image, platform=place, cpus=3, memory=64)
    caller = session.machine.board.caller(session.machine.board.cpus[0])
    assert bool(read_cpuid(caller, 1, 0)[2] >> 31) == (signature is not None)
    if signature is not None:
        assert struct.pack("<3I", *read_cpuid(caller, 0x4000_0000, 0)[1:]) == signature
    assert read_msr(caller, 0x1B) == apic
    session.do("run")
    assert session.verdict is not None and session.verdict.outcome == "booted"
    assert b"Brought up 1 node, 3 CPUs" in board_serial(session)


WRONG = [
    ({"memory": 16}, "16 MiB of memory are not enough for"),
    ({"kernel": "vmlinux"}, "is a Linux kernel, entered as a boot loader does: it takes no"),
    ({"host_dtb": "tree"}, "it takes no --host-dtb"),
    ({"cmdline": "x" * 2048}, "--cmdline: 2,048 bytes, 2,047 fit"),
    ({"cpus": 2048 * 8}, "2,048"),
    ({"cmdline": "\udc80"}, "--cmdline: is no UTF-8 text"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "words"), WRONG)
def test_what_does_not_fit_is_one_sentence(
    tmp_path: Path, options: dict[str, object], words: str
) -> None:
    with pytest.raises(ApdbgError) as found:
        booted(tmp_path, kernel(), **options)
    assert words in str(found.value) and "\n" not in str(found.value)


def test_who_goes_to_the_bios_asks_for_a_reset(tmp_path: Path) -> None:
    """Linux, arch/x86/kernel/reboot.c: without EFI it ends at F000:FFF0 in real mode, as IBM's
    PC began. A kernel that went there ran on through empty memory, for ever."""
    session = booted(tmp_path, kernel(), cpus=2)
    machine = session.machine
    one, two = machine.board.cpus
    ipi.init(machine, one, two)
    ipi.sipi(machine, one, two, 0xF0)
    two.registers.put("rip", 0xFFF0)
    session.do("run")
    assert machine.board.crash == "CPU 1 asked for a reset by port 0xcf9"


def test_every_number_of_cpus_has_its_table(tmp_path: Path) -> None:
    session = booted(tmp_path, kernel(), cpus=2048)
    assert len(session.machine.board.cpus) == 2048


def test_a_kernel_below_1_mib_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "vmlinux"
    place.write_bytes(kernel())
    image = load(place)
    low = replace(image, segments=tuple(replace(s, address=0x8000) for s in image.segments))
    setup = open_session(str(place)).desk.setup
    with pytest.raises(ImageError, match="is loaded at 0x8000, below 1 MiB"):
        replace(setup, image=low).layout()
    assert contract_of(low).name == "linux"


PANICS = """
begin:
    lea rsi, [rip + words]
    mov dx, 0x3F8
say:
    lodsb
    test al, al
    jz stays
    out dx, al
    jmp say
stays:
    pause
    inc rax
    jmp stays
words:
    .ascii "[    0.1] Kernel panic - not syncing: {WHY}\\r\\n[    0.1] CPU: 0 PID: 1\\n{END}"
    .byte 0
"""


def board_serial(session: Session) -> bytes:
    return session.machine.board.vmm.serial


END = "---[ end Kernel panic - not syncing: {WHY} ]---"


@pytest.mark.parametrize("end", ["", END + "\\n"])
def test_a_panic_is_a_crash_and_its_sentence_the_reason(tmp_path: Path, end: str) -> None:
    why = "VFS: Unable to mount root fs on unknown-block(0,0)"
    source = PANICS.replace("{END}", end).replace("{WHY}", why)
    session = booted(tmp_path, vmlinux(program(source).code), cpus=1, max_ticks=300_000)
    session.do("run")
    verdict = session.verdict
    assert verdict is not None and verdict.outcome == "crashed"
    assert verdict.reason == f"the guest said: Kernel panic - not syncing: {why}"
    assert board_serial(session).endswith(b"]---\n" if end else b"PID: 1\n"), "to its end"
    early = session.machine.board.tick < 300_000
    assert early == bool(end), "behind the last line nobody waits"


LOOP_SOURCE = """
loop:
    pause
    cmp word ptr [rsi], 1
    jne loop
    cmp dword ptr [rsi + 4], edi
    jne loop
    mov rax, [rsi + 8]
    mov word ptr [rsi], 0
    jmp rax
"""
WAKES = """
begin:
    mov rsi, [rsi + 0x70]               # RSDP, XSDT, its second table: the MADT
    mov rsi, [rsi + 24]
    mov rsi, [rsi + 44]
    mov eax, [rsi + 4]
    mov rsi, [rsi + rax - 8]            # the mailbox of the last structure
    lea rax, [rip + woken]
    mov [rsi + 8], rax
    mov dword ptr [rsi + 4], 2          # APIC id
    mov word ptr [rsi], 1
waits:
    pause
    cmp word ptr [rsi], 0
    jne waits
stays:
    jmp stays
woken:
    mov dword ptr [0x7000], edi
rests:
    jmp rests
"""


def test_the_loop_of_parked_aps_is_what_its_comments_say() -> None:
    assert program(LOOP_SOURCE).code == LOOP


@pytest.mark.parametrize("platform", ["none", "tdx"])
def test_aps_wait_at_the_mailbox_that_the_madt_names(tmp_path: Path, platform: str) -> None:
    session = booted(tmp_path, vmlinux(program(WAKES).code), platform=platform, cpus=4)
    board = session.machine.board
    session.do("run")
    assert [cpu.activity for cpu in board.cpus] == ["waiting"] * 4
    assert memory(session, 0x7000, 4) == b"\2\0\0\0"
    session.do("mailbox")
    page = memory(session, board.cpus[2].registers.get("rsi"), 16)
    assert page[:2] == bytes(2), "it has acknowledged"


def test_what_parked_aps_run_on_is_the_firmware_s(tmp_path: Path) -> None:
    session = booted(tmp_path, kernel(), platform="none", cpus=2048, memory=3072)
    board = session.machine.board
    get = board.cpus[0].registers.get
    page = memory(session, get("rsi"), 4096)
    rows = [struct.unpack_from("<QQI", page, 0x2D0 + 20 * i) for i in range(page[0x1E8])]
    ap = board.cpus[2047].registers.get
    for place in (ap("rip"), ap("rsi"), ap("cr3")):
        assert [kind for a, n, kind in rows if a <= place < a + n] == [4], "ACPI NVS"
    assert ap("rdi") == board.platform.apic_ids[2047]
    rooms = sorted((region.gpa, region.gpa + region.size) for region in board.layout.regions)
    assert all(before[1] <= after[0] for before, after in pairwise(rooms))


def test_what_a_report_to_the_host_does_not_say_the_serial_line_does(tmp_path: Path) -> None:
    report = "mov ecx, 0x40000105\n mov edx, 0x80000000\n xor eax, eax\n wrmsr\n pause"
    source = PANICS.replace("pause", report).replace("{END}", "").replace("{WHY}", "No init")
    session = booted(tmp_path, vmlinux(program(source).code), cpus=1, max_ticks=300_000)
    session.do("run")
    verdict = session.verdict
    assert verdict is not None and verdict.outcome == "crashed"
    first, then = verdict.reason.split("; ")
    assert first == "the guest said: Kernel panic - not syncing: No init"
    assert then.endswith("no message")
