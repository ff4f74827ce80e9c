"""What a host sees a shim ask for the first time: TLFS, hypercall codes; Intel TDX Module ABI,
leaf 6; GHCI 1.5, subfunction 0x10001."""

import pytest

from emu.machine.host_steps import HostSteps, step_of
from emu.vmm import asked as ask
from tests.guest import Guest, finish


@pytest.mark.parametrize(
    ("asked", "step"),
    [
        (ask.Wrmsr(2, 0x40000001, 1), "hypercalls"), (ask.Wrmsr(2, 0x40000000, 1), None),
        (ask.Vmcall(3, 0x0F, "vmcall"), "start APs"),
        (ask.Vmcall(3, 0x99, "vmcall"), "start APs"),
        (ask.Vmcall(3, 0x1FD_0000_00D9, "vmcall"), "memory"),
        (ask.Vmcall(3, 0xDB, "vmcall"), "memory"), (ask.Vmcall(3, 0x50, "vmcall"), None),
        (ask.Tdcall(4, 6, 0, 0), "memory"), (ask.Tdcall(4, 1, 0, 0), None),
        (ask.Tdcall(4, 0, 0, 0x10001), "memory"), (ask.Tdcall(4, 0, 0, 0x1E), None),
        (ask.Tdcall(4, 0, 0x99, 0), "start APs"), (ask.Hlt(1), None),
    ],
)  # fmt: skip
def test_a_call_belongs_to_a_step_of_the_boot(asked: ask.Asked, step: str | None) -> None:
    assert step_of(asked) == step


def test_a_step_is_told_once_and_of_the_first_cpu_alone() -> None:
    source = """
    cpu0: mov ecx, 0x40000001
        mov eax, 0x500001
        xor edx, edx
        wrmsr
        wrmsr
        hlt
    cpu1: mov ecx, 0x40000001
        mov eax, 0x501001
        xor edx, edx
        wrmsr
        hlt"""
    driver = Guest(source, 2).driver()
    steps = driver.machine.host_steps
    assert isinstance(steps, HostSteps) and "hypercalls" in steps.awaited
    board = finish(driver)
    told = [(one.cpu, one.text) for one in board.logs.events if one.kind == "milestone"]
    assert told == [(0, "reaches hypercalls")]
    assert "hypercalls" not in steps.awaited
