"""Every effect does what it says, and to nobody else."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from emu.hw.address import PAGE_BYTES, Gpa
from emu.machine import apply, ipi
from emu.machine.board import Board
from emu.machine.machine import Machine
from emu.vmm import effects as fx
from emu.vmm.state import NMI_PENDING
from tests.guest import DATA, Guest, label, step_to, word

SOURCE: Final = """
start: mov ebx, {DATA}
here: nop
    hlt
handler6: iretq
handler2: iretq
handler64: iretq
handler14: iretq
"""
Check = Callable[[Board], bool]
INFO: Final = fx.VeInfo(1, 2, 3, 4, 5)
SERVED: Final = 1 << 0x40 | 1 << 3
TIMER: Final = fx.ApicTimer(900, 8)
PLAIN: Final[list[tuple[fx.Effect, Check]]] = [
    (fx.SetRegisters((("rax", 5), ("r15", 6))),
     lambda b: (b.cpus[1].registers.get("rax"), b.cpus[1].registers.get("r15")) == (5, 6)),
    (fx.EnterKernel(), lambda b: b.cpus[1].registers.rip == b.cpus[1].registers.get("lstar")),
    (fx.Cost(7), lambda b: b.cpus[1].clock_ps == 7_000 + 500),
    (fx.SetMsr(1, 0x10, 5), lambda b: b.vmm.msrs[1, 0x10] == 5),
    (fx.SetMsr(None, 0x10, 5), lambda b: b.vmm.msrs[None, 0x10] == 5),
    (fx.SetVpRegister(1, 9, 5), lambda b: b.vmm.registers[1, 9] == 5),
    (fx.SetDrawn(1, 5), lambda b: b.vmm.drawn == {1: 5}),
    (fx.SetPort(0x70, 5), lambda b: b.vmm.ports[0x70] == 5),
    (fx.SetDevice("uart", 3, 5), lambda b: b.vmm.devices["uart", 3] == 5),
    (fx.SetTimer(1, TIMER), lambda b: b.vmm.timers == {1: TIMER}),
    (fx.SetVeInfo(1, INFO), lambda b: b.vmm.ve_info[1] == INFO),
    (fx.EnableVtl(2, 2), lambda b: b.vmm.vps[2].vtl2_enabled),
    (fx.HostWrite(Gpa(DATA), b"\x07"), lambda b: word(b, DATA) == 7),
    (fx.SerialOut(0x3F8, 65), lambda b: b.vmm.serial == b"A"),
    (fx.Halt(), lambda b: b.cpus[1].activity == "halted"),
    (fx.ArmMonitor(DATA + 70),
     lambda b: b.monitored == {Gpa(DATA)}),
    (fx.MonitorWait("C6", False), lambda b: b.cpus[1].activity == "running"),
    (fx.PowerOff(), lambda b: b.powered_off),
    (fx.Crash("it is over"), lambda b: b.crash == "it is over"),
    (fx.Note("heard"), lambda b: b.logs.events[-1].text == "heard"),
    (fx.EjectCpu(2), lambda b: b.cpus[2].activity == "off"),
    (fx.Delay(2, 9), lambda b: b.cpus[2].clock_ps == 9_000),
    (fx.Sent("it goes"), lambda b: b.logs.events[-1].text == "it goes"),
    (fx.SendInit(2), lambda b: b.cpus[2].activity == "wait-for-sipi"),
    (fx.SendInterrupt(2, 0x40), lambda b: b.vmm.vps[2].pending == 1 << 0x40),
    (fx.SendInterrupt(2, 2, nmi=True), lambda b: b.vmm.vps[2].pending == NMI_PENDING),
    (fx.EndInterrupt(1), lambda b: b.vmm.vps[1].in_service == SERVED & 0xFFFF),
    (fx.ApicError(1, 0x40), lambda b: b.vmm.vps[1].errors == 0x45),
    (fx.LatchErrors(1), lambda b: (b.vmm.msrs[1, 0x828], b.vmm.vps[1].errors) == (5, 0)),
    (fx.ResetApic(1), lambda b: b.vmm.vps[1].in_service == b.vmm.vps[1].errors == 0),
]  # fmt: skip


def at_here() -> Machine:
    """Three CPUs, of which CPU 1 has executed one instruction."""
    machine = Guest(SOURCE, 3).machine()
    step_to(machine, 1, "here")
    return machine


def carry_out(machine: Machine, *effects: fx.Effect, size: int = 0) -> None:
    """Effects of an exit of CPU 1."""
    apply.carry_out(machine, machine.board.cpus[1], effects, size)


@pytest.mark.parametrize(("effect", "done"), PLAIN, ids=lambda one: type(one).__name__)
def test_an_effect_does_what_it_says_and_leaves_the_other_cpus_alone(
    effect: fx.Effect, done: Check
) -> None:
    machine = at_here()
    board = machine.board
    board.vmm.vps[1].in_service, board.vmm.vps[1].errors = SERVED, 5
    before = [cpu.save() for cpu in board.cpus]
    carry_out(machine, effect)
    assert done(board)
    target = getattr(effect, "cpu", 1)
    sent = fx.Delay | fx.EjectCpu | fx.SendInit | fx.SendInterrupt
    touched = {target if isinstance(effect, sent) else 1}
    assert [c.save() for c in board.cpus if c.id not in touched] == [
        one for cpu, one in zip(board.cpus, before, strict=True) if cpu.id not in touched
    ]


def test_effects_are_carried_out_in_their_order() -> None:
    machine = at_here()
    carry_out(machine, fx.SetRegisters((("rax", 1),)), fx.SetRegisters((("rax", 2),)))
    assert machine.board.cpus[1].registers.get("rax") == 2


def test_to_complete_is_to_retire_the_instruction() -> None:
    machine = at_here()
    cpu, tick = machine.board.cpus[1], machine.board.tick
    rip, ticks, clock = cpu.registers.rip, cpu.ticks, cpu.clock_ps
    carry_out(machine, fx.Complete(), size=3)
    assert (cpu.registers.rip, cpu.ticks, machine.board.tick) == (rip + 3, ticks + 1, tick + 1)
    assert cpu.clock_ps == clock + cpu.ps_per_instruction


@pytest.mark.parametrize(("software", "back"), [(False, 0), (True, 2)])
def test_an_exception_enters_its_handler_and_comes_back(software: bool, back: int) -> None:
    machine = at_here()
    cpu = machine.board.cpus[1]
    rip, rsp = cpu.registers.rip, cpu.registers.get("rsp")
    carry_out(machine, fx.RaiseException(6, None, "#UD", software=software), size=2)
    assert cpu.registers.rip == label(machine.board, "handler6")
    assert word(machine.board, cpu.registers.get("rsp")) == rip + back
    machine.steps(cpu)
    assert (cpu.registers.rip, cpu.registers.get("rsp")) == (rip + back, rsp)


def test_a_page_fault_has_its_address_in_cr2() -> None:
    machine = at_here()
    cpu = machine.board.cpus[1]
    carry_out(machine, fx.RaiseException(14, 2, "#PF", fault_address=0x1234))
    assert cpu.registers.get("cr2") == 0x1234
    assert word(machine.board, cpu.registers.get("rsp")) == 2


@pytest.mark.parametrize("cpu", [0, 1])
def test_a_cpu_that_shuts_down_takes_the_machine_with_it(cpu: int) -> None:
    machine = at_here()
    one = machine.board.cpus[cpu]
    apply.carry_out(machine, one, (fx.RaiseException(13, 0, "#GP"),))
    assert one.activity == "shutdown" and "triple fault" in one.reason
    assert machine.board.crash == f"cpu {cpu} shut down: {one.reason}"


def test_a_cpu_is_started_on_the_time_of_who_starts_it() -> None:
    machine = Guest(SOURCE, 3, "sipi").machine()
    board = machine.board
    board.cpus[1].clock_ps = 5_000_000
    carry_out(machine, fx.SendSipi(2, 0x8))
    assert board.cpus[2].clock_ps == 0  # it did not wait for one: lost
    carry_out(machine, fx.SendInit(2), fx.SendSipi(2, 0x8))
    two = board.cpus[2]
    assert (two.activity, two.registers.mode, two.registers.linear_rip) == (
        "running",
        "real",
        0x8000,
    )
    assert two.clock_ps == 5_000_000 + 1_000 * board.platform.costs.sipi_ns
    carry_out(machine, fx.StartVp(0, None))
    assert board.cpus[0].registers.linear_rip == 0xFFFF_FFF0
    assert board.cpus[0].clock_ps == 5_000_000 + 1_000 * board.platform.costs.start_vp_ns
    assert board.reschedule


@pytest.mark.parametrize(
    ("enabled", "nmi", "runs"), [(0, False, False), (1, False, True), (0, True, True)]
)
def test_a_halted_cpu_wakes_for_what_its_flags_let_in(
    enabled: int, nmi: bool, runs: bool
) -> None:
    machine = at_here()
    two = machine.board.cpus[2]
    apply.carry_out(machine, two, (fx.Halt(),))
    two.registers.put("rflags", 2 | enabled << 9)
    machine.board.cpus[1].clock_ps = 70_000
    carry_out(machine, fx.SendInterrupt(2, 64, nmi))
    assert (two.activity == "running", two.clock_ps == 70_000) == (runs, runs)
    assert ipi.take_interrupt(machine, two) == runs
    if runs:
        name = "handler2" if nmi else "handler64"
        assert two.registers.rip == label(machine.board, name)
        assert not machine.board.vmm.vps[2].pending


@pytest.mark.parametrize("masked_wakes", [False, True])
def test_a_td_may_say_that_interrupts_wake_it_whatever_its_flags_are(
    masked_wakes: bool,
) -> None:
    """GHCI 1.5, 3.8, TDG.VP.VMCALL<Instruction.HLT>: R12, the interrupt blocked flag."""
    machine = at_here()
    board, two = machine.board, machine.board.cpus[2]
    two.registers.put("rflags", 2)
    apply.carry_out(machine, two, (fx.Halt(masked_wakes),))
    assert two.activity == "halted" and ipi.is_roused(board, two) == masked_wakes
    saved = board.vmm.save()
    carry_out(machine, fx.SendInterrupt(2, 64, False))
    assert (two.activity == "running") == masked_wakes
    assert not ipi.take_interrupt(machine, two), "its flags still keep it out"
    two.registers.put("rflags", 2 | 1 << 9)
    assert ipi.take_interrupt(machine, two)
    board.vmm.load(saved)
    assert board.vmm.vps[2].masked_wakes == masked_wakes
    apply.carry_out(machine, two, (fx.Halt(),))
    assert not board.vmm.vps[2].masked_wakes, "each HLT says it anew"


def test_a_timer_that_is_disarmed_is_gone() -> None:
    machine = at_here()
    carry_out(machine, fx.SetTimer(1, TIMER), fx.SetTimer(2, TIMER), fx.SetTimer(1, None))
    assert machine.board.vmm.timers == {2: TIMER}


@pytest.mark.parametrize(
    ("pending", "enabled", "sleeps"),
    [(1 << 0x40, 1, False), (1 << 0x40, 0, True), (NMI_PENDING, 0, False)],
)
def test_hlt_does_not_sleep_while_something_pending_is_let_in(
    pending: int, enabled: int, sleeps: bool
) -> None:
    machine = at_here()
    cpu = machine.board.cpus[1]
    cpu.registers.put("rflags", 2 | enabled << 9)
    machine.board.vmm.vps[1].pending = pending
    carry_out(machine, fx.Halt())
    assert cpu.activity == ("halted" if sleeps else "running")


@pytest.mark.parametrize("where", ["none", "tdx"])
def test_a_page_changes_hands_and_one_view_of_it_is_there(where: str) -> None:
    machine = Guest(SOURCE, 2, where).machine()
    board = machine.board
    page, td = Gpa(DATA), where == "tdx"
    alias = Gpa(DATA | board.shared_alias)
    private = board.npt.hpa_of(page)
    machine.stores.edit(DATA, b"\x07")
    carry_out(machine, fx.SetPageState(page, 1, "shared"))
    assert board.ram.state(page) == "shared"
    assert (board.npt.hpa_of(page) is None) == td
    assert (board.npt.hpa_of(alias) not in (None, private)) == td
    assert word(board, DATA) == (0 if td else 7)  # a TD's shared view is another page
    carry_out(machine, fx.SetPageState(page, 1, "private", zero=True))
    assert word(board, DATA) == 0 and board.npt.hpa_of(page) == private
    carry_out(machine, fx.SetPageState(page, 1, "unaccepted"))
    assert board.npt.hpa_of(page) is None and board.npt.hpa_of(alias) is None
    assert board.npt.hpa_of(DATA + PAGE_BYTES) is not None


def test_the_hypercall_page_covers_a_page_and_uncovers_it_with_its_bytes() -> None:
    machine = at_here()
    board = machine.board
    machine.stores.edit(DATA, b"\x07")
    own = board.npt.hpa_of(DATA)
    carry_out(machine, fx.OverlayHypercallPage(Gpa(DATA)))
    assert board.npt.hpa_of(DATA) == board.hypercall_code and not board.npt.writable(DATA)
    carry_out(machine, fx.OverlayHypercallPage(Gpa(DATA + PAGE_BYTES)))
    assert board.npt.hpa_of(DATA) == own
    carry_out(machine, fx.OverlayHypercallPage(None))
    assert board.npt.hpa_of(DATA + PAGE_BYTES) == board.ram.hpa(DATA + PAGE_BYTES)
    assert word(board, DATA) == 7 and board.vmm.hypercall_page is None


def test_a_line_on_the_serial_port_is_one_event() -> None:
    machine = at_here()
    carry_out(machine, *(fx.SerialOut(0x3F8, byte) for byte in b"one\r\ntwo\nthree"))
    said = [one.text for one in machine.board.logs.events if one.kind == "serial"]
    assert said == ["one", "two"] and machine.board.vmm.serial == b"one\r\ntwo\nthree"


def test_there_is_a_test_for_every_effect() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert not [one.__name__ for one in fx.Effect.__args__ if f"fx.{one.__name__}(" not in text]
