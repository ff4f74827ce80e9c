"""What was asked becomes effects, on every platform, and deciding changes nothing."""

from typing import Final

import pytest
from msgspec.structs import replace

from emu.hw.address import Gpa
from emu.hw.nested_walk import ERROR_FETCH, ERROR_WRITE
from emu.machine import apply, entry, exits, snapshot
from emu.machine.machine import Machine
from emu.vmm import asked as ask
from emu.vmm.asked import Asked
from emu.vmm.effects import (
    Complete,
    Cost,
    Crash,
    Effects,
    Halt,
    RaiseException,
    SetRegisters,
)
from tests.guest import BASE, DATA, MEMORY_BYTES, Guest

DX: Final = ask.PortForm(string=False, repeated=False, immediate=False, address_bytes=8)
EVERYTHING: Final[tuple[Asked, ...]] = (
    ask.Cpuid(2, 0, 0), ask.Cpuid(2, 0x4000_0000, 0), ask.Rdmsr(2, 0x10), ask.Rdmsr(2, 0xBAD),
    ask.Wrmsr(2, 0x4000_0000, 1), ask.Wrmsr(2, 0x830, 0xC4500), ask.Vmcall(3, 0x99, "vmcall"),
    ask.Vmcall(3, 2, "vmmcall"), ask.Tdcall(4, 1, 0, 0), ask.Tdcall(4, 0, 0, 0x10001),
    ask.PortIn(1, 0x3FD, 1, DX), ask.PortOut(1, 0x3F8, 1, 65, DX),
    ask.Rdtsc(2), ask.Rdtsc(3, True),
    ask.PauseHint(2), ask.Hlt(1), ask.CacheFlush(2, "wbinvd"), ask.SoftInterrupt(2, 0x40),
    ask.ReadTaskPriority(4, "r9"), ask.WriteTaskPriority(4, 0xF), ask.WriteTaskPriority(4, 16),
    ask.Undefined(0, "ud2"), ask.CpuFault(0, 13, 8, 0), ask.CpuFault(0, 14, 2, 0x1234),
    ask.CpuFault(0, 0, 0, 0), ask.NestedFault(0, 2, BASE), ask.NestedFault(0, 0, 0x1000),
    ask.NotOffered(0, "svm 0x80"), ask.Monitor(3, DATA, 0), ask.Mwait(3, 0, 1), ask.Rdpmc(2, 0),
    ask.ShutDown(0), ask.Syscall(2, True), ask.Syscall(2, False),
    ask.EngineFailed(0, "no words"), ask.MmioRead(3, BASE, 4, "eax", False),
    ask.MmioWrite(3, BASE, 4, 5), ask.OddAccess(0, "writing", BASE, "fist [rax]"),
    ask.ControlWrite(0, "cr4", 1 << 13, True, False), ask.RandomNumber(4, "rdseed", 64, "r9"),
    *(ask.SevInstruction(4, one, 0, 0, 0) for one in ("pvalidate", "rmpadjust", "vmgexit")),
)  # fmt: skip


def machine(platform: str = "none") -> Machine:
    """A machine before its first tick."""
    return Guest("start: hlt", 2, platform).machine()


def decided(one: Machine, asked: Asked) -> Effects:
    """What CPU 0 gets."""
    return exits.decide(one.board, one.board.cpus[0], asked)


@pytest.mark.parametrize("where", ["none", "vbs", "tdx", "sipi"])
def test_every_exit_is_decided_and_nothing_changes_by_that(where: str) -> None:
    one = machine(where)
    before = snapshot.take(one, None)
    images = dict(one.board.undo.images)
    for asked in EVERYTHING:
        effects = decided(one, asked)
        assert isinstance(effects, tuple) and effects, asked
        assert effects == decided(one, asked)
    assert snapshot.take(one, None) == before and one.board.undo.images == images
    assert {type(asked) for asked in EVERYTHING} == set(Asked.__args__)


@pytest.mark.parametrize(
    ("asked", "costs"),
    [(ask.Hlt(1), 1_000), (ask.Cpuid(2, 1, 0), 1_000), (ask.CacheFlush(2, "invd"), 1_000),
     (ask.PauseHint(2), exits.PAUSE_NS), (ask.Rdtsc(2), exits.RDTSC_NS),
     (ask.PortOut(0, 0x80, 1, 0), 1_000)],
)  # fmt: skip
def test_every_answer_has_its_price(asked: Asked, costs: int) -> None:
    effects = decided(machine(), asked)
    assert sum(one.nanoseconds for one in effects if isinstance(one, Cost)) == costs


def test_halt_completes_first_and_a_software_interrupt_returns_behind_itself() -> None:
    one = machine()
    assert decided(one, ask.Hlt(1))[:2] == (Complete(), Halt())
    (raised,) = decided(one, ask.SoftInterrupt(2, 0x40))
    assert isinstance(raised, RaiseException) and raised.software and raised.vector == 0x40


def test_faults_carry_an_error_code_where_the_processor_does() -> None:
    one = machine()
    (gp,) = decided(one, ask.CpuFault(0, 13, 8, 0))
    (pf,) = decided(one, ask.CpuFault(0, 14, 2, 0x1234))
    (de,) = decided(one, ask.CpuFault(0, 0, 8, 0))
    assert gp == RaiseException(13, 8, "#GP", "selector 0x8 is not present")
    assert isinstance(pf, RaiseException) and (pf.error_code, pf.fault_address) == (2, 0x1234)
    assert de == RaiseException(0, None, "#DE")


@pytest.mark.parametrize(
    ("where", "asked", "undefined"),
    [("none", ask.Tdcall(4, 1, 0, 0), True), ("tdx", ask.Tdcall(4, 1, 0, 0), False),
     ("tdx", ask.Vmcall(3, 2, "vmmcall"), True), ("vbs", ask.Vmcall(3, 2, "vmcall"), False),
     ("sipi", ask.Vmcall(3, 2, "vmcall"), True)],
)  # fmt: skip
def test_a_call_is_undefined_where_nobody_is_called(
    where: str, asked: Asked, undefined: bool
) -> None:
    one = machine(where)
    (first, *_) = decided(one, asked)
    said = isinstance(first, RaiseException) and first.why.startswith("#UD: ")
    assert said == undefined


@pytest.mark.parametrize("where", ["none", "vbs", "tdx", "sipi"])
def test_a_performance_counter_that_there_is_not_is_a_general_protection_fault(
    where: str,
) -> None:
    """SDM 2, RDPMC (an invalid counter); in a TD `td_rdpmc_exit` with PERFMON off."""
    (found,) = decided(machine(where), ask.Rdpmc(2, 0x4000_0001))
    assert isinstance(found, RaiseException) and (found.vector, found.error_code) == (13, 0)


def test_the_tdx_module_is_called_by_a_kernel_in_64_bit_mode_alone() -> None:
    """SDM 2, TDCALL (CPL > 0: #GP), and `td_call` of the module (not 64-bit: #GP)."""
    one = machine("tdx")
    registers = one.board.cpus[0].registers
    registers.put_cpl(3)
    (found,) = decided(one, ask.Tdcall(4, 1, 0, 0))
    assert isinstance(found, RaiseException) and (found.vector, found.error_code) == (13, 0)
    registers.put_cpl(0)
    assert Complete() in decided(one, ask.Tdcall(4, 1, 0, 0))
    one.board.start(one.board.cpus[0], entry.reset_vector(0))
    assert one.board.cpus[0].registers.mode == "protected"
    (found,) = decided(one, ask.Tdcall(4, 1, 0, 0))
    assert isinstance(found, RaiseException) and (found.vector, found.error_code) == (13, 0)


def test_without_hyper_v_there_is_no_hypercall_but_an_undefined_instruction() -> None:
    setup = Guest("start: hlt", 1, "vbs").setup()
    for hyperv in (True, False):
        one = replace(setup, platform=replace(setup.platform, hyperv=hyperv)).machine()
        (first, *_) = decided(one, ask.Vmcall(3, 2, "vmcall"))
        assert isinstance(first, RaiseException)
        assert (first.why == "#UD: vmcall") == (not hyperv)


@pytest.mark.parametrize(
    ("width", "rax"), [(1, 0x1122334455667700), (2, 0x1122334455660000), (4, 0)]
)
def test_in_writes_as_much_of_rax_as_it_is_wide(width: int, rax: int) -> None:
    one = machine()
    one.board.cpus[0].registers.put("rax", 0x1122334455667788)
    effects = decided(one, ask.PortIn(0, 0x3FE, width))
    (found,) = (e.values for e in effects if isinstance(e, SetRegisters))
    ((name, value),) = found
    assert name == "rax" and value & ~((1 << 8 * width) - 1) == rax & ~((1 << 8 * width) - 1)


def test_a_nested_fault_says_why_there_is_nothing() -> None:
    outside = ask.NestedFault(0, ERROR_WRITE, BASE + MEMORY_BYTES)
    inside = ask.NestedFault(0, ERROR_FETCH, DATA)
    (found,) = decided(machine(), outside)
    assert isinstance(found, Crash) and "where there is no memory" in found.reason
    td = machine("tdx")
    apply.set_page_state(td.board, Gpa(DATA), 1, "unaccepted", zero=False)
    (found,) = decided(td, inside)
    assert isinstance(found, Crash) and found.reason.endswith("which is not accepted")
    td.stores.host_write(DATA + 0x1000, b"\x01")
    (found,) = decided(td, ask.NestedFault(0, 0, DATA + 0x1000))
    assert isinstance(found, Crash) and "integrity" in found.reason
