"""What people look for among exits is found by name and number, not in the text of a line."""

import pytest

from emu.vmm import asked as ask
from emu.vmm.asked_words import describe
from emu.vmm.wanted import wanted_call, wanted_exit

EVERY = (
    ask.Cpuid(2, 0x15, 0), ask.Cpuid(2, 0x151, 0), ask.Rdmsr(2, 0x10), ask.Wrmsr(2, 0x1B, 7),
    ask.Wrmsr(2, 0x832, 0x10000), ask.Vmcall(3, 1 << 32 | 0x99, "vmcall"),
    ask.Vmcall(3, 0x1234, "vmcall"), ask.Tdcall(4, 6, 0, 0), ask.Tdcall(4, 0, 0, 0x10001),
    ask.Tdcall(4, 0, 0x99, 0), ask.Tdcall(4, 99, 0, 0), ask.PortIn(0, 0x3F8, 1),
    ask.PortOut(0, 0x3F8, 1, 0x41), ask.Rdtsc(2), ask.PauseHint(2), ask.Hlt(1),
    ask.SoftInterrupt(2, 0x40), ask.Undefined(0, "ud2"), ask.CpuFault(0, 14, 2, 0x1000),
    ask.CpuFault(0, 13, 0, 0), ask.NestedFault(0, 0x10, 0x2000), ask.Mwait(3, 0x20, 1),
    ask.ShutDown(0), ask.Syscall(2, True), ask.CacheFlush(2, "wbinvd"),
    ask.Rdpmc(2, 0x4000_0001),
    ask.ReadTaskPriority(4, "rax"), ask.WriteTaskPriority(4, 2),
)  # fmt: skip


def found(text: str) -> list[str]:
    return [describe(one) for one in EVERY if wanted_exit(text).meets(one)]


@pytest.mark.parametrize("one", EVERY, ids=describe)
def test_the_line_of_the_log_finds_its_exit(one: ask.Asked) -> None:
    assert wanted_exit(describe(one)).meets(one)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("StartVirtual", ["hypercall StartVirtualProcessor",
                          "tdcall TDG.VP.VMCALL hypercall StartVirtualProcessor"]),
        ("cpuid 0x15", ["cpuid 0x15 0x0"]),
        ("wrmsr 0x1b", ["wrmsr APIC_BASE (0x1b) = 0x7"]),
        ("msr", ["rdmsr TIME_STAMP_COUNTER (0x10)", "wrmsr APIC_BASE (0x1b) = 0x7",
                 "wrmsr X2APIC_LVT0 (0x832) = 0x10000"]),
        ("hypercall 0x1234", ["hypercall 0x1234"]),
        ("tdcall 99", ["tdcall TDCALL leaf 0x63"]),
        ("mapgpa", ["tdcall TDG.VP.VMCALL MapGPA"]),
        ("port in", ["port in 0x3f8"]),
        ("exception writing", ["exception #PF writing 0x1000"]),
        ("npf", ["npf fetching gpa 0x2000"]),
        ("no such thing", []),
    ],
)  # fmt: skip
def test_names_and_numbers_find_what_they_name(text: str, lines: list[str]) -> None:
    assert found(text) == lines


def test_a_dot_is_any_call() -> None:
    assert all(wanted_call(".").meets(one) for one in EVERY)
