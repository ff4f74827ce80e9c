"""An interrupt that waits is taken at the first border between two instructions at which the
processor takes it, in every kind of window and however somebody runs.

SDM 2B, STI: "interrupts remain inhibited on the instruction boundary following an execution of
STI", which ends with "delivery of another event (e.g., exception) or the execution of the next
instruction"; SDM 3, 6.8.1 (IF), 6.8.3 (loads of SS), 6.7.1 (NMI and IRET), 11.8.3 (TPR, PPR and
EOI).
"""

from typing import Final

import pytest

from emu import Session
from tests.guest import DATA, IDT, SHARED, X2APIC, boot, label, read

HANDLERS: Final = """
handler64: mov rax, [rsp]
    mov [{SHARED}], rax
    hlt
"""
"""The last one: where it was interrupted stands in SHARED."""
CLEARED: Final = X2APIC + "    xor eax, eax\n"
XAPIC: Final = """
    mov ebx, {PT2}
    mov eax, 0xfee00003
    mov [rbx], rax
    mov ebx, {WINDOW}
    mov dword ptr [rbx + 0xf0], 0x1ff
"""
TRAP_GATE: Final = f"mov byte ptr [{IDT + 16 * 3 + 5:#x}], 0x8f\n"
"""#BP leaves IF as it is."""

# name: the program, in which the interrupt has to come before the label `w`
WINDOWS: Final = {
    "STI and one instruction": "start: nop\n sti\n nop\nw: cli\n jmp start",
    "STI and a jump": "start: nop\n sti\n jmp w\n nop\nw: cli\n jmp start",
    "STI and a conditional jump": "start: xor eax, eax\n sti\n jz w\n nop\nw: cli\n jmp start",
    "STI and RET": "start: call on\nw: cli\n jmp start\non: sti\n ret",
    "STI and REP RET": "start: call on\nw: cli\n jmp start\non: sti\n rep ret",
    "STI and RET 8": "start: push 1\n call on\nw: cli\n jmp start\non: sti\n ret 8",
    "STI and a jump to a register":
        "start: lea rax, [rip + w]\n sti\n jmp rax\n nop\nw: cli\n jmp start",
    "STI and a jump to an extended register":
        "start: lea r9, [rip + w]\n sti\n jmp r9\n nop\nw: cli\n jmp start",
    "STI and a jump through memory": """start: lea rax, [rip + w]
        mov [{DATA}], rax
        sti
        jmp [{DATA}]
        w: cli
        jmp start""",
    "STI and a call of a register":
        "start: lea rax, [rip + w]\n sti\n call rax\n nop\nw: cli\n pop rax\n jmp start",
    "STI twice": "start: nop\n sti\n sti\nw: cli\n jmp start",
    "STI and a repeated store":
        "start: mov edi, {DATA}\n mov ecx, 3\n sti\nw: rep stosb\n cli\n jmp start",
    "STI and HLT": "start: nop\n sti\n hlt\nw: cli\n hlt",
    "STI and PAUSE": "start: nop\n sti\n pause\nw: cli\n hlt",
    "STI and CPUID": "start: nop\n sti\n cpuid\nw: cli\n jmp start",
    "STI and IN": "start: nop\n sti\n in al, 0x80\nw: cli\n jmp start",
    "STI and the first store to a page":
        "start: nop\n sti\n mov [{DATA}], eax\nw: cli\n jmp start",
    "STI and a store to code":
        "start: nop\n sti\n mov [rip + at], al\nw: cli\n jmp start\nat: nop",
    "STI and a load of DS": "start: xor eax, eax\n sti\n mov ds, ax\nw: cli\n jmp start",
    "STI and a write to CR3": "start: mov rax, cr3\n sti\n mov cr3, rax\nw: cli\n jmp start",
    "STI and an exception that leaves IF": "start:" + TRAP_GATE + """
        sti
        int3
        nop
        handler3:
        w: cli
        hlt""",
    "IRET behind an exception": """start: sti
        ud2
        w: cli
        jmp start
        handler6: add qword ptr [rsp], 2
        iretq""",
    "POPF": "start: pushfq\n or dword ptr [rsp], 0x200\n popfq\nw: cli\n jmp start",
    "IRET": """start: mov rcx, rsp
        mov eax, ss
        push rax
        push rcx
        pushfq
        or dword ptr [rsp], 0x200
        mov eax, cs
        push rax
        lea rax, [rip + w]
        push rax
        iretq
        nop
        w: cli
        jmp start""",
    "POPF with SS loaded behind it": """start: mov ax, ss
        pushfq
        or dword ptr [rsp], 0x200
        popfq
        w: mov ss, ax
        cli
        jmp start""",
    "MOV to CR8": """start: mov eax, 8
        mov cr8, rax
        sti
        nop
        nop
        mov eax, 3
        mov cr8, rax
        w: cli
        jmp start""",
    "x2APIC TPR": "start:" + CLEARED + """
        mov ecx, 0x808
        mov al, 0x80
        wrmsr
        sti
        nop
        nop
        mov al, 0x30
        wrmsr
        w: cli
        hlt""",
    "xAPIC TPR": "start:" + XAPIC + """
        mov dword ptr [rbx + 0x80], 0x80
        sti
        nop
        nop
        mov dword ptr [rbx + 0x80], 0x30
        w: cli
        hlt""",
    "x2APIC EOI": "start:" + CLEARED + """
        mov ecx, 0x83f
        mov al, 0x50
        wrmsr
        sti
        nop
        hlt
        handler80: sti
        mov ecx, 0x80b
        xor eax, eax
        nop
        wrmsr
        w: cli
        hlt""",
    "xAPIC EOI": "start:" + XAPIC + """
        mov dword ptr [rbx + 0x300], 0x40050
        sti
        nop
        hlt
        handler80: sti
        nop
        mov dword ptr [rbx + 0xb0], 0
        w: cli
        hlt""",
}  # fmt: skip
NEVER: Final = {
    "STI and CLI": "start: mov ecx, 400\n1: sti\n cli\n dec ecx\n jnz 1b\n hlt",
    "a load of SS with IF for one instruction": """start: mov ecx, 400
        mov ax, ss
        1: sti
        cli
        mov ss, ax
        nop
        dec ecx
        jnz 1b
        hlt""",
    "TPR as high as its class": "start: mov eax, 4\n mov cr8, rax\n sti\n" + "nop\n" * 400
        + "cli\n hlt",
}  # fmt: skip


def session_of(source: str, tick: int, words: str = "interrupt 0 0x40") -> Session:
    """A guest to which somebody sends an interrupt at a tick."""
    session = boot(source + HANDLERS, max_ticks=2_000)
    session.do(f"inject {words} at tick {tick}")
    return session


def run(session: Session, words: str = "run") -> None:
    """A command wholly."""
    session.begin(words)
    while session.pump(60.0):
        pass


def through(session: Session) -> None:
    """At one go."""
    run(session)


def by_steps(session: Session) -> None:
    """Instruction by instruction."""
    board = session.machine.board
    while board.cpus[0].activity == "running" and board.tick < 200:
        run(session, "step")
    if session.verdict is None:
        run(session)


def by_pieces(session: Session) -> None:
    """In pieces of seven ticks, with a checkpoint behind each."""
    session.timeline.spacing = 0
    while session.verdict is None:
        run(session, "run 7")


def with_breakpoint(session: Session) -> None:
    """With a breakpoint at the very instruction before which it comes, which stays away."""
    session.do("break w if rax == 0x123456789")
    run(session)


def back(session: Session) -> None:
    """To the end, and from the beginning once more."""
    run(session)
    run(session, "goto start")
    run(session, "goto end")


WAYS: Final = (through, by_steps, by_pieces, with_breakpoint, back)


def course(session: Session) -> tuple[object, ...]:
    """What a run came to."""
    board = session.machine.board
    told = [(event.tick, event.text) for event in board.logs.events]
    return session.digest(), board.tick, told


AGAIN: Final = tuple(name for name, source in WINDOWS.items() if "jmp start" in source)
"""Windows that open again and again: code that is known already counts, too."""


@pytest.mark.parametrize(
    ("name", "tick"),
    [*((name, 1) for name in WINDOWS), *((one, tick) for one in AGAIN for tick in (302, 305))],
)
def test_an_interrupt_comes_where_the_window_opens(name: str, tick: int) -> None:
    plain = session_of(WINDOWS[name], tick)
    through(plain)
    board = plain.machine.board
    assert read(plain, SHARED) == label(board, "w")
    assert board.tick < tick + 60
    for way in WAYS[1:]:
        session = session_of(WINDOWS[name], tick)
        way(session)
        assert course(session) == course(plain), way.__name__


@pytest.mark.parametrize("name", NEVER)
def test_where_no_border_lets_it_in_it_never_comes(name: str) -> None:
    for tick in (1, 2, 3, 100, 101, 102, 103, 104, 105, 106):
        session = session_of(NEVER[name], tick)
        through(session)
        assert read(session, SHARED) == 0
        assert session.machine.board.vmm.vps[0].pending == 1 << 0x40


def test_a_load_of_ss_holds_back_interrupts_and_nmis_for_one_instruction() -> None:
    """SDM 3, 6.8.3. The interrupt arrives at the border behind the load."""
    source = "start: mov ax, ss\n sti\n nop\n nop\n mov ss, ax\n nop\nw: hlt"
    for words, handler in (("interrupt 0 0x40", ""), ("nmi 0", "\nhandler2: jmp handler64")):
        session = boot(source + handler + HANDLERS)
        session.do(f"inject {words} at tick 5")
        through(session)
        assert read(session, SHARED) == label(session.machine.board, "w")


def test_what_arrives_between_the_rounds_of_a_repeated_instruction_comes_there() -> None:
    """SDM 2B, REP: behind the round that is executed then, also if the first was held back."""
    source = "start: mov edi, {DATA}\n mov ecx, 9\n sti\nw: rep stosb\n cli\n hlt"
    for tick in range(4, 12):
        for way in (through, by_steps, by_pieces):
            session = session_of(source, tick)
            way(session)
            board = session.machine.board
            assert read(session, SHARED) == label(board, "w")
            assert board.cpus[0].registers.get("rcx") == 9 - (tick - 3)


NMIS: Final = """
start: mov ecx, 300
1:  dec ecx
    jnz 1b
    hlt
handler2: inc dword ptr [{SHARED} + 8]
    cmp dword ptr [{SHARED} + 8], 2
    jne 2f
    mov rax, [rsp]
    mov [{SHARED}], rax
    hlt
2:  nop
    nop
    nop
"""
FAULTS: Final = (
    NMIS
    + """
    mov qword ptr [rsp + 8], 0x7ff8
bad: iretq
handler13: nop
w:  hlt
"""
)


def test_a_second_nmi_comes_behind_the_iret_of_the_first() -> None:
    """SDM 3, 6.7.1: and it goes back to where that one does."""
    for way in (through, by_steps, by_pieces, back):
        session = boot(NMIS + "iretq")
        session.do("inject nmi 0 at tick 101")
        session.do("inject nmi 0 at tick 103")
        way(session)
        board = session.machine.board
        assert read(session, SHARED + 8, 4) == 2
        taken = [event.tick for event in board.logs.events if event.text.startswith("NMI at")]
        assert taken == [101, 108], "inc, cmp, jne, three NOPs and IRET"
        assert board.exit_counts.get("IRET") is None


def test_an_iret_that_faults_lets_the_next_nmi_in_as_well() -> None:
    """SDM 3, 28.2.3: NMI unblocking due to IRET is told of faults. The NMI comes behind the
    delivery, before the handler's first instruction."""
    for way in (through, by_steps, by_pieces):
        session = boot(FAULTS)
        session.do("inject nmi 0 at tick 101")
        session.do("inject nmi 0 at tick 103")
        way(session)
        board = session.machine.board
        assert read(session, SHARED + 8, 4) == 2
        assert read(session, SHARED) == label(board, "handler13")


POLLS: Final = "start:" + CLEARED + """
    mov ecx, 0x83e
    mov al, 0xb
    wrmsr
    mov ecx, 0x832
    mov eax, 0x41
    wrmsr
    mov ecx, 0x838
    mov eax, 5000
    wrmsr
    mov ebx, {DATA}
1:  pause
    sti
    nop
    cli
    cmp dword ptr [rbx], 0
    je 1b
    hlt
handler65: mov dword ptr [rbx], 1
    iretq
"""  # fmt: skip


def test_a_timer_reaches_a_cpu_that_sleeps_in_a_loop_with_a_window() -> None:
    ends = []
    for waiting in (True, False):
        session = boot(POLLS + HANDLERS, waiting=waiting, max_ticks=100_000)
        through(session)
        assert read(session, DATA, 4) == 1
        ends.append((session.digest(), session.machine.board.cpus[0].clock_ps))
        assert (session.machine.board.tick < 1_000) == waiting, "it has slept"
    assert ends[0] == ends[1]


IDLE: Final = """
start: mov ebp, 3
1:  cli
    cmp dword ptr [{DATA}], 0
    jne 2f
    sti
    hlt
    jmp 1b
2:  hlt
handler65: mov dword ptr [{DATA}], 1
    iretq
"""


@pytest.mark.parametrize("tick", range(1, 6))
def test_a_wake_up_between_the_look_and_hlt_is_not_lost(tick: int) -> None:
    session = boot(IDLE)
    session.do(f"inject interrupt 0 0x41 at tick {tick}")
    through(session)
    assert read(session, DATA, 4) == 1
