"""CPUs that come and go, as a guest sees them: QEMU's registers, used as its document says.

The tables are those of docs/specs/acpi_cpu_hotplug.rst: selector 0x0 (double word), status and
control 0x4 (byte), command 0x5, data 0x8 (double word); status bit 0 enabled, 1 insert event,
2 remove event; control bits 1 and 2 clear events, bit 3 ejects; command 0 selects a CPU with an
event, 3 asks for the architecture's id.
"""

import pytest

from emu.debug.session import Session
from emu.errors import CommandError
from tests.guest import DATA, boot, read

BLOCK = 0xCD8
NOTICES = f"mov dx, {BLOCK + 6}\n mov al, 0x50\n out dx, al\n"
"""Our own register: the vector of notices."""
EVENT = (
    f"mov dx, {BLOCK}\n xor eax, eax\n out dx, eax\n"
    f"mov dx, {BLOCK + 5}\n xor eax, eax\n out dx, al\n"
)
"""The document's "get a cpu with pending event", but for reading."""
STATUS = f"mov dx, {BLOCK + 4}\n in al, dx\n"
NUMBER = f"mov dx, {BLOCK + 8}\n in eax, dx\n"


def select(cpu: int) -> str:
    return f"mov dx, {BLOCK}\n mov eax, {cpu}\n out dx, eax\n"


def out8(offset: int, value: int) -> str:
    return f"mov dx, {BLOCK + offset}\n mov al, {value}\n out dx, al\n"


def keep(at: int, register: str = "eax") -> str:
    return f"mov [{DATA + at:#x}], {register}\n"


def ran(code: str, *injections: str, absent: int = 0) -> Session:
    """A machine of three CPUs whose first asks for notices, stands still for them, and goes on
    with the code; `absent`: so many of them are not there."""
    session = boot(
        f"cpu0: {NOTICES} nop\nwait0: nop\n {code} mov rbx, 0\nlast: inc rbx\n jmp last\n"
        "cpu1: inc rax\n jmp cpu1\ncpu2: hlt",
        3, absent=absent,
    )  # fmt: skip
    session.do("until wait0")
    for spec in injections:
        session.do(f"inject {spec}")
    session.do("run 60_000")
    return session


def test_a_cpu_is_enabled_and_nothing_is_the_matter_with_it() -> None:
    session = ran(EVENT + STATUS + keep(0, "al") + NUMBER + keep(4))
    assert read(session, DATA, 1) == 0b001
    assert read(session, DATA + 4, 4) == 0, "the selector stays where it was"


def test_the_cpu_that_is_asked_for_is_found_and_asked_for_once() -> None:
    found = EVENT + STATUS + keep(0, "al") + NUMBER + keep(4)
    served = out8(4, 0b100) + STATUS + keep(1, "al")
    session = ran(found + served, "unplug 2")
    assert read(session, DATA, 1) == 0b101
    assert read(session, DATA + 4, 4) == 2
    assert read(session, DATA + 1, 1) == 0b001, "its event was cleared, and it is there"


def test_its_id_is_the_apic_s() -> None:
    session = ran(select(1) + out8(5, 3) + NUMBER + keep(0))
    assert read(session, DATA, 4) == session.machine.board.vmm.vps[1].apic_id


@pytest.mark.parametrize("offset", [5, 7, 8, 9, 10, 11])
def test_what_is_reserved_reads_as_zero(offset: int) -> None:
    code = f"mov dx, {BLOCK + offset}\n mov al, 0xff\n in al, dx\n" + keep(0, "al")
    assert read(ran(code), DATA, 1) == 0


def test_behind_the_last_cpu_nothing_answers_and_nothing_is_taken() -> None:
    code = select(3) + out8(4, 0b1000) + STATUS + keep(0, "al") + select(0) + STATUS
    session = ran(code + keep(1, "al"))
    assert read(session, DATA, 1) == 0
    assert read(session, DATA + 1, 1) == 0b001, "a good selector is taken again"


def test_an_ejected_cpu_runs_no_more_until_it_is_plugged_in() -> None:
    session = ran(select(1) + out8(4, 0b1000) + STATUS + keep(0, "al"))
    assert read(session, DATA, 1) == 0b000
    cpu = session.machine.board.cpus[1]
    assert cpu.activity == "off"
    ticks = cpu.ticks
    session.do("run 60_000")
    assert session.machine.board.cpus[1].ticks == ticks
    session.do("inject plug 1")
    session.do("run 60_000")
    cpu = session.machine.board.cpus[1]
    assert cpu.ticks == ticks and cpu.context is None, "it is reset, and nobody has started it"
    assert session.machine.board.vmm.vps[1].started is False
    session.do("goto 0")
    assert session.machine.board.cpus[1].activity != "off", "it comes and goes with time"


def test_all_possible_cpus_are_counted_and_those_that_are_there() -> None:
    """The document's "Enumerate CPUs": the selector is raised until data reads as zero."""
    count = (
        f"{select(0)} {out8(5, 0)} xor ebx, ebx\n xor ecx, ecx\n"
        f"one: {STATUS} and eax, 1\n add ebx, eax\n inc ecx\n"
        f"mov dx, {BLOCK}\n mov eax, ecx\n out dx, eax\n {NUMBER} test eax, eax\n jnz one\n"
    )
    session = ran(count + keep(0, "ebx") + keep(4, "ecx"), absent=2)
    assert (read(session, DATA, 4), read(session, DATA + 4, 4)) == (1, 3)


def test_a_new_cpu_is_found_with_its_id_and_enabled_from_then_on() -> None:
    found = EVENT + STATUS + keep(0, "al") + NUMBER + keep(4) + out8(5, 3) + NUMBER + keep(8)
    before = select(2) + STATUS + keep(12, "al")
    assert read(ran(before, absent=1), DATA + 12, 1) == 0
    session = ran(found + out8(4, 0b010) + STATUS + keep(1, "al"), "plug 2", absent=1)
    assert read(session, DATA, 1) == 0b011
    assert read(session, DATA + 4, 4) == 2
    assert read(session, DATA + 8, 4) == session.machine.board.vmm.vps[2].apic_id
    assert read(session, DATA + 1, 1) == 0b001, "its event was cleared, and it is there"


def test_a_cpu_that_is_there_cannot_be_plugged_in() -> None:
    with pytest.raises(CommandError, match=r"cpu 1 is there;"):
        ran("nop\n", "plug 1")
    with pytest.raises(CommandError, match="has not ejected it yet"):
        ran("nop\n", "unplug 1", "plug 1")


def test_a_cpu_that_is_out_cannot_be_asked_for() -> None:
    session = ran(select(1) + out8(4, 0b1000))
    with pytest.raises(CommandError, match="cpu 1 is out already"):
        session.do("inject unplug 1")


def test_a_guest_that_asked_for_no_notices_is_not_asked_for_its_cpu() -> None:
    session = boot("cpu0: jmp cpu0\ncpu1: jmp cpu1\ncpu2: hlt", 3)
    session.do("run 100")
    session.do("inject unplug 1")
    assert session.machine.board.cpus[1].activity == "shutdown"
