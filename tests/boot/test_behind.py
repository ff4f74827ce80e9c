"""Behind a shim a Linux kernel finds what Linux's documents want of a loader.

Sources: Linux, Documentation/admin-guide/kernel-parameters.txt (`memmap=`, `acpi_rsdp=`) and
arch/x86/include/asm/e820/types.h; ACPI 6.6, table 15.4 and 5.2.12.19.
"""

import struct
from pathlib import Path
from typing import Final

import pytest

from emu import Session, open_session
from emu.boot.samples import samples_dir
from emu.errors import ApdbgError
from tests.boot.elf import NOTYPE, Sym
from tests.boot.kernel import ABOVE, COMPRESSIONS, PLACE, bzimage, vmlinux
from tests.guest import program
from tests.shim.guest import leaves, read, symbol

SHIM: Final = samples_dir() / "linux/shim.elf"
RAM, RESERVED, ACPI, NVS = 1, 2, 3, 4
RESET_PAGE: Final = 0xFFFF_F000
OF_THIS_KERNEL: Final = {"bounded-wait", "cpu-stuck"}
"""It waits without a clock, and in the end for ever."""
VECTOR: Final = 0x9_8000
"""Below 1 MiB, as that of Linux's trampoline."""

WAKES: Final = """
begin:
    .skip 0x40, 0xCC
start:
    mov r8d, 0x80000                    # acpi_rsdp of the command line, as the test checks
    mov r8, [r8 + 24]                   # XSDT, its second table: the MADT
    mov r8, [r8 + 44]
    mov eax, [r8 + 4]
    mov r8, [r8 + rax - 8]              # the mailbox of the last structure
    lea rsi, [rip + woken]
    mov edi, {VECTOR}
    mov ecx, 64
    rep movsb
    mov ebx, 1
next:
    mov dword ptr [{VECTOR} + 64], ebx
    mov rax, {VECTOR}
    mov [r8 + 8], rax
    mov [r8 + 4], ebx                   # APIC id
    mov word ptr [r8], 1
waits:
    pause
    cmp word ptr [r8], 0
    jne waits
begins:
    pause
    cmp dword ptr [{VECTOR} + 64], 0
    jne begins
    inc ebx
    cmp ebx, 4
    jne next
stays:
    pause
    jmp stays
woken:
    lock and dword ptr [{VECTOR} + 64], 0
rests:
    pause
    jmp rests
""".replace("{VECTOR}", hex(VECTOR))


def kernel() -> bytes:
    """One that wakes CPUs 1 to 3 at a vector below 1 MiB, and has them store there."""
    code = program(WAKES)
    names = tuple(
        Sym(name, at - code.labels["begin"] + PLACE + ABOVE, type=NOTYPE)
        for name, at in sorted(code.labels.items())
    )
    return vmlinux(code.code, entry=0x40, symbols=names)


def opened(folder: Path, platform: str, shim: Path = SHIM, **more: object) -> Session:
    place = folder / "vmlinuz"
    if not place.exists():
        place.write_bytes(kernel())
    options = {"platform": platform, "cpus": 4, "kernel": str(place), "memory": 64, **more}
    return open_session(str(shim), **options)  # type: ignore[arg-type]


def entered(session: Session) -> tuple[int, str]:
    """Run to the kernel's first instruction: (boot_params, the command line)."""
    session.do("until os-entry")
    params = session.registers(0)["rsi"]
    (line,) = struct.unpack("<I", read(session, params + 0x228, 4))
    return params, read(session, line, 2048).partition(b"\0")[0].decode()


def number(word: str) -> int:
    """As Linux's memparse() reads it."""
    scales = {"K": 10, "M": 20, "G": 30}
    return int(word[:-1], 0) << scales[word[-1]] if word[-1] in scales else int(word, 0)


def e820(session: Session, params: int, line: str) -> dict[int, int]:
    """Type of each page's entry (0: none) as Linux has it in the end: what is handed over, with
    what `memmap=` changes (arch/x86/kernel/e820.c)."""
    (count,) = read(session, params + 0x1E8, 1)
    found: dict[int, int] = {}

    def add(gpa: int, size: int, kind: int, instead: int | None = None) -> None:
        for page in range(gpa >> 12, gpa + size >> 12):
            was = found.get(page, 0)
            if instead is None:
                found[page] = max(was, kind)  # of ranges that overlap the greater type counts
            elif was == instead:
                found[page] = kind

    for index in range(count):
        add(*struct.unpack("<QQI", read(session, params + 0x2D0 + 20 * index, 20)))
    for word in line.split():
        name, _, value = word.partition("=")
        if name != "memmap":
            continue
        for sign, kind in (("@", RAM), ("#", ACPI), ("$", RESERVED)):
            if sign in value:
                size, _, gpa = value.partition(sign)
                add(number(gpa), number(size), kind)
        if "%" in value:
            size, _, rest = value.partition("%")
            gpa, _, types = rest.partition("-")
            before, _, after = types.partition("+")
            add(number(gpa), number(size), int(after), int(before))
    return found


@pytest.mark.parametrize("platform", ["none", "vbs", "tdx", "sipi"])
def test_what_the_kernel_is_told_is_what_linux_wants(tmp_path: Path, platform: str) -> None:
    session = opened(tmp_path, platform, cmdline="quiet")
    board = session.machine.board
    params, line = entered(session)
    assert line.endswith(" quiet"), "what people wrote comes last, and is what counts"
    types = e820(session, params, line)
    (image,) = [one for one in board.layout.regions if one.name == "kernel"]
    assert board.linear_rip(board.cpus[0]) == image.gpa + 0x40
    assert (image.gpa - PLACE) % (2 << 20) == 0, "as a kernel moves itself"
    pages = range(image.gpa >> 12, image.gpa + image.size >> 12)
    assert {types[page] for page in pages} == {RAM}
    assert {types[page] for page in range(1, 0x80)} == {RAM}, "for the trampoline"
    root = int(dict(w.split("=") for w in line.split() if w.startswith("acpi"))["acpi_rsdp"], 0)
    assert read(session, root, 8) == b"RSD PTR "
    assert types[root >> 12] == ACPI
    assert types.get(RESET_PAGE >> 12, 0) == (NVS if platform == "tdx" else 0)
    (shim,) = [one for one in board.layout.placed if one.name == "shim"]
    assert types[shim.start >> 12] == RESERVED


@pytest.mark.parametrize("platform", ["none", "vbs", "tdx", "sipi"])
def test_its_cpus_come_out_of_the_shim_s_own_loop(tmp_path: Path, platform: str) -> None:
    session = opened(tmp_path, platform)
    session.do("run")
    board = session.machine.board
    wanted = RESET_PAGE if platform == "tdx" else symbol(session, "mailbox_page")
    assert board.mailbox_gpa == wanted
    rip = [board.linear_rip(cpu) for cpu in board.cpus[1:]]
    assert all(VECTOR <= at < VECTOR + 64 for at in rip)
    assert {f.rule for f in session.findings()} <= OF_THIS_KERNEL


def test_the_plain_shim_s_tables_do_not_lead_below_1_mib(tmp_path: Path) -> None:
    """Its APs may be given a vector in the kernel's image alone: ACPI promises an OS more."""
    plain = opened(tmp_path, "none", samples_dir() / "shim.elf")
    plain.do("run")
    faults = [e.text for e in plain.machine.board.logs.events if "#PF" in e.text]
    assert any(f"{VECTOR:#x}" in text for text in faults)
    assert "vector-executable" in {f.rule for f in plain.findings()}


@pytest.mark.parametrize("platform", ["none", "tdx"])
def test_the_other_shim_s_tables_lead_to_all_memory(tmp_path: Path, platform: str) -> None:
    session = opened(tmp_path, platform)
    entered(session)
    maps = leaves(session, session.machine.board.cpus[1].registers.get("cr3"))
    low = {m.gva for m in maps if m.gva < 1 << 20 and m.writable and m.executable}
    assert low == set(range(0, 0x9_F000, 0x1000))
    others = [m for m in maps if m.gva >= 1 << 20]
    assert all(m.gva == m.gpa for m in maps if m.gva != 0xFFFF_E000)
    assert not any(m.writable and m.executable for m in others)


@pytest.mark.parametrize("packed", ["gzip", "zstd"])
def test_a_bzimage_is_a_kernel_as_well(tmp_path: Path, packed: str) -> None:
    (tmp_path / "vmlinuz").write_bytes(bzimage(COMPRESSIONS[packed](kernel())))
    session = opened(tmp_path, "none")
    session.do("run")
    board = session.machine.board
    assert [VECTOR <= board.linear_rip(cpu) < VECTOR + 64 for cpu in board.cpus[1:]] == [
        True
    ] * 3


def test_without_the_mailbox_the_madt_has_none(tmp_path: Path) -> None:
    session = opened(tmp_path, "none", cmdline="mailbox=off")
    entered(session)
    (tables,) = [r for r in session.machine.board.layout.regions if r.name == "ACPI tables"]
    data = read(session, tables.gpa, tables.size)
    madt = data[data.index(b"APIC") :]
    (size,) = struct.unpack_from("<I", madt, 4)
    kinds, at = [], 44
    while at < size:
        kinds.append(madt[at])
        at += madt[at + 1]
    assert kinds == [0] * 4, "INIT and SIPI for all"


def test_where_it_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    platform = tmp_path / "low.toml"
    text = (samples_dir() / "platforms/none.toml").read_text()
    platform.write_text(text.replace("base = 0x800_0000", "base = 0"))
    with pytest.raises(ApdbgError, match="memory below 1 MiB"):
        opened(tmp_path, str(platform))
    with pytest.raises(ApdbgError, match="memory are not enough"):
        opened(tmp_path, "none", memory=4)
