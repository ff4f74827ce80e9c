"""What arrives at a CPU from outside, seen from inside the guest: NMIs, interrupts by priority,
and the wake from HLT (SDM 3A, 6.7 to 6.9 and 11.8)."""

from typing import Final

import pytest

from emu.machine import ipi
from emu.timeline.digest import Digest
from emu.timeline.moment import Moment
from emu.vmm.state import NMI_PENDING
from tests.guest import DATA, SHARED, X2APIC, Guest, finish, label, step_to, word

EOI: Final = """
    mov ecx, 0x80b
    xor eax, eax
    xor edx, edx
    wrmsr
"""


def note(number: int) -> str:
    """The next byte at SHARED is this number; R8 counts them."""
    return f"mov byte ptr [{{SHARED}} + r8], {number}\n inc r8\n"


def handler(vector: int, body: str = "") -> str:
    """Notes the vector at entry, and 0x80 less or more when it leaves."""
    return f"handler{vector}: {note(vector)}\n{body}\n{note(vector ^ 0x80)} iretq\n"


def self_ipi(vector: int) -> str:
    """WRMSR of SELF IPI."""
    return f"mov ecx, 0x83f\n xor edx, edx\n mov eax, {vector}\n wrmsr\n"


def course(body: str, *handlers: str, cpus: int = 1) -> bytes:
    """What a guest with its APIC switched on notes until it halts, which its CPU 0 does."""
    source = f"start:\n xor r8, r8\n {X2APIC}\n{body}\n cli\n hlt\n{''.join(handlers)}"
    board = finish(Guest(source, cpus).driver())
    assert not board.crash, board.crash
    found = board.ram.guest_bytes(SHARED, board.cpus[0].registers.get("r8"))
    assert found is not None
    return found


# -- priority ----------------------------------------------------------------------------------


def test_the_highest_vector_comes_first_and_none_twice() -> None:
    """11.8.3: by class and within it by number; the IRR has one bit for each vector."""
    sent = (0x31, 0x55, 0x41, 0x5E, 0x31)
    body = "".join(map(self_ipi, sent)) + "sti\n nop\n" + "pause\n" * 8
    handlers = (handler(vector, EOI) for vector in sorted(set(sent)))
    wanted = [0x5E, 0x55, 0x41, 0x31]
    assert course(body, *handlers) == bytes(n for v in wanted for n in (v, v ^ 0x80))


def test_a_handler_is_interrupted_by_a_higher_class_only_until_its_eoi() -> None:
    """11.8.3.1: PPR is the class of the highest vector in service."""
    inside = (
        f"sti\n {self_ipi(0x4F)} {self_ipi(0x31)} {self_ipi(0x51)} pause\n pause\n cli\n{EOI}"
    )
    body = self_ipi(0x41) + "sti\n" + "pause\n" * 8
    handlers = (
        handler(0x41, inside), handler(0x4F, EOI), handler(0x31, EOI), handler(0x51, EOI),
    )  # fmt: skip
    assert course(body, *handlers) == bytes((0x41, 0x51, 0xD1, 0xC1, 0x4F, 0xCF, 0x31, 0xB1))


@pytest.mark.parametrize(
    "write",
    ["mov ecx, 0x808\n xor edx, edx\n mov eax, {0:#x}0\n wrmsr", "mov r9d, {0}\n mov cr8, r9"],
)
def test_the_task_priority_holds_back_its_own_class_and_those_below(write: str) -> None:
    """11.8.3.1 and 11.8.6: CR8 is bits 7:4 of the TPR."""
    body = f"""
        {write.format(4)}
        mov r10, cr8
        add r10, 0x60
        {self_ipi(0x41)} {self_ipi(0x51)}
        sti
        pause
        pause
        {note(1)}
        {write.format(3)}
        pause
        pause
        mov byte ptr [{{SHARED}} + r8], r10b
        inc r8
    """
    found = course(body, handler(0x41, EOI), handler(0x51, EOI))
    assert found == bytes((0x51, 0xD1, 1, 0x41, 0xC1, 0x64))


def test_cr8_has_four_bits() -> None:
    body = "mov r9d, 0x10\n here: mov cr8, r9"
    found = course(
        body, f"handler13: {note(13)} add qword ptr [rsp + 8], 4\n add rsp, 8\n iretq\n"
    )
    assert found == b"\x0d"


def test_irr_and_isr_are_what_waits_and_what_is_served() -> None:
    def word_of(msr: int) -> str:
        return f"mov ecx, {msr}\n rdmsr\n mov [{{DATA}} + 4 * r11], eax\n inc r11\n"

    look = word_of(0x822) + word_of(0x812) + word_of(0x80A) + word_of(0x81A)
    source = f"""
    start:
        {X2APIC}
        xor r11, r11
        {self_ipi(0x41)}
        {look}
        sti
        pause
        pause
        cli
        {look}
        hlt
    handler65:
        {look}
        {EOI}
        iretq
    """
    board = finish(Guest(source).driver())
    found = [word(board, DATA + 4 * n, 4) for n in range(12)]
    assert found == [2, 0, 0, 0, 0, 2, 0x40, 0, 0, 0, 0, 0]


def test_a_disabled_apic_takes_no_interrupt_and_that_is_said() -> None:
    source = f"""
    cpu0: {X2APIC}
        mov ecx, 0x830
        mov edx, 1
        mov eax, 0x4041
        wrmsr
        hlt
    cpu1: sti
    loop: pause
        jmp loop
    """
    board = finish(Guest(source, 2).driver(), Moment(4_000))
    assert not board.vmm.vps[1].pending
    told = "interrupt 0x41 to cpu 1 is lost: its APIC is switched off"
    assert told in [event.text for event in board.logs.events]


@pytest.mark.parametrize(
    ("write", "errors"),
    [
        # 11.5.3: send illegal vector is bit 5, receive illegal vector bit 6
        ("mov ecx, 0x83f\n xor edx, edx\n mov eax, 15\n wrmsr", 0x60),
        ("mov ecx, 0x830\n mov edx, 1\n mov eax, 0x400f\n wrmsr", 0x20),
        ("nop", 0),
    ],
)
def test_an_illegal_vector_is_an_error_that_a_write_of_the_esr_shows(
    write: str, errors: int
) -> None:
    read = "mov ecx, 0x828\n rdmsr\n mov [{DATA}], eax\n"
    latch = "mov ecx, 0x828\n xor eax, eax\n xor edx, edx\n wrmsr\n"
    source = f"""
    start: {X2APIC} {write}
        {read}
        {latch} {read.replace("DATA}", "DATA} + 4")}
        {latch} {read.replace("DATA}", "DATA} + 8")}
        hlt
    """
    board = finish(Guest(source).driver())
    assert [word(board, DATA + 4 * n, 4) for n in range(3)] == [0, errors, 0]
    assert not board.vmm.vps[0].pending


def test_an_error_interrupts_by_its_own_vector() -> None:
    body = (
        f"mov ecx, 0x837\n xor edx, edx\n mov eax, 0x61\n wrmsr\n sti\n {self_ipi(3)} pause\n"
    )
    assert course(body, handler(0x61, EOI)) == b"\x61\xe1"


# -- NMI and the shadow of STI -----------------------------------------------------------------

NMI_TO_SELF: Final = "mov ecx, 0x830\n xor edx, edx\n mov eax, 0x400\n wrmsr\n"
"""To APIC id 0."""


def test_an_nmi_waits_for_the_iret_of_the_one_before_and_several_are_one() -> None:
    """6.7.1: no NMI while one is handled, and of those that come meanwhile one is kept."""
    inside = f"cmp r8, 1\n ja over\n {NMI_TO_SELF} {NMI_TO_SELF} pause\n over: nop\n"
    body = NMI_TO_SELF + "pause\n" * 300
    assert course(body, handler(2, inside)) == bytes((2, 0x82, 2, 0x82))


def test_an_nmi_comes_before_the_highest_interrupt() -> None:
    """6.9, table 6-2."""
    machine = Guest(f"start: sti\n nop\nhere: jmp here\n{handler(2)}{handler(0xF1)}").machine()
    (cpu,) = machine.board.cpus
    step_to(machine, 0, "here")
    ipi.interrupt_cpu(machine, cpu, cpu, 0xF1)
    ipi.nmi(machine, cpu, cpu)
    assert ipi.take_interrupt(machine, cpu)
    assert cpu.registers.rip == label(machine.board, "handler2")


def test_behind_sti_one_more_instruction_runs() -> None:
    """6.8.1: STI; CLI lets nothing in."""
    body = self_ipi(0x41) + "sti\n cli\n pause\n pause\n" + note(1)
    assert course(body, handler(0x41, EOI)) == b"\x01"


# -- HLT ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "tpr", "what", "wakes"),
    [
        (0x202, 0, 0x41, True), (2, 0, 0x41, False), (0x202, 0x40, 0x41, False),
        (0x202, 0x40, 0x51, True), (2, 0xF0, NMI_PENDING, True),
    ],
)  # fmt: skip
def test_what_wakes_a_cpu_from_hlt(flags: int, tpr: int, what: int, wakes: bool) -> None:
    machine = Guest("start: jmp start", 2).machine()
    one, two = machine.board.cpus
    two.registers.put("rflags", flags)
    machine.board.vmm.msrs[1, 0x808] = tpr
    ipi.halt(machine, two)
    assert two.activity == "halted"
    if what == NMI_PENDING:
        ipi.nmi(machine, one, two)
    else:
        ipi.interrupt_cpu(machine, one, two, what)
    assert (two.activity == "running") == wakes


def test_in_an_nmi_handler_no_nmi_wakes_from_hlt() -> None:
    machine = Guest("start: jmp start", 2).machine()
    one, two = machine.board.cpus
    two.registers.block_nmi()
    ipi.halt(machine, two)
    ipi.nmi(machine, one, two)
    assert two.activity == "halted"


def test_to_halt_with_interrupts_off_is_an_event() -> None:
    board = finish(Guest("start: nop\nhere: hlt\n nop").driver())
    told = "halts at here with interrupts off: only an NMI or INIT wakes it"
    assert [event.text for event in board.logs.events] == [told]
    idle = finish(Guest("start: sti\n hlt").driver())
    assert not len(idle.logs.events)


def test_sti_hlt_is_left_by_the_interrupt_at_once() -> None:
    source = f"""
    cpu0: {X2APIC}
        mov ecx, 5000
    wait: loop wait
        mov ecx, 0x830
        mov edx, 1
        mov eax, 0x4041
        wrmsr
        hlt
    cpu1: {X2APIC} sti
        hlt
    behind: jmp behind
    handler65: mov rax, [rsp]
        mov [{{SHARED}}], rax
        hlt
    """
    board = finish(Guest(source, 2).driver(), Moment(40_000))
    assert word(board, SHARED) == label(board, "behind")


@pytest.mark.parametrize("waiting", [True, False])
@pytest.mark.parametrize("nops", [1, 3, 15, 35, 193])
def test_a_loop_that_opens_and_closes_if_is_interrupted(nops: int, waiting: bool) -> None:
    """Whatever its length, and though it sleeps as long as nothing is there to be taken."""
    source = f"""
    cpu0: {X2APIC}
        mov ecx, 20000
    wait: loop wait
        mov ecx, 0x830
        mov edx, 1
        mov eax, 0x4041
        wrmsr
        hlt
    cpu1: {X2APIC}
    again: sti
        nop
        cli
        {"nop;" * nops}
        cmp dword ptr [{{SHARED}}], 0
        jz again
        hlt
    handler65: mov dword ptr [{{SHARED}}], 1
        iretq
    """
    board = finish(Guest(source, 2, waiting=waiting).driver(), Moment(200_000))
    assert word(board, SHARED, 4) == 1


def test_snapshots_keep_what_was_requested_and_what_is_served() -> None:
    driver = Guest(
        f"start: {X2APIC} {self_ipi(0x41)} {self_ipi(0x51)}\nhere: jmp here"
    ).driver()
    driver.drive(Moment(2_000))
    vmm = driver.machine.board.vmm
    saved = vmm.save()
    assert vmm.vps[0].pending == 1 << 0x41 | 1 << 0x51
    vmm.vps[0].pending, vmm.vps[0].in_service, vmm.vps[0].errors = 0, 1, 2
    vmm.load(saved)
    assert vmm.save() == saved and vmm.vps[0].pending


@pytest.mark.parametrize("every", [1, 3, 50])
def test_interrupts_come_at_the_same_instructions_however_the_run_is_cut(every: int) -> None:
    inside = f"cmp r8, 20\n ja over\n {NMI_TO_SELF} {self_ipi(0x51)} over: nop\n"
    source = f"""
    start: xor r8, r8
        {X2APIC} {self_ipi(0x41)} {NMI_TO_SELF}
        mov r10d, 200
    again: sti
        nop
        cli
        dec r10d
        jnz again
    idle: hlt
        jmp idle
        {handler(2, inside)}{handler(0x41, EOI)}{handler(0x51, EOI)}
    """
    whole, cut = Guest(source).driver(), Guest(source).driver()
    board = finish(whole)
    wanted, got = Digest(whole.machine), Digest(cut.machine)
    while cut.machine.board.running:
        cut.drive(Moment(cut.machine.board.tick + every))
    assert word(board, SHARED, 2) == 0x8202 and board.cpus[0].registers.get("r8") > 6
    assert got.now() == wanted.now()
    assert [e.text for e in cut.machine.board.logs.events] == [
        e.text for e in board.logs.events
    ]
