"""The APIC timer as a guest meets it: once, periodic, by the TSC, masked, rewritten, asleep in
HLT or in a loop, on several CPUs, and the same whoever stops the machine on the way."""

from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu import Session
from emu.errors import CommandError
from emu.vmm.clock import APIC_HZ, CRYSTAL_HZ, tsc
from tests.guest import DATA, X2APIC, Program, assembled, read
from tests.guest import boot as boot_guest

VECTOR: Final = 64
ENABLE: Final = f"""{X2APIC}    mov ecx, 0x83e
    mov eax, 0xb
    wrmsr
    mov r8d, {DATA}
    mov r9d, edi
    shl r9d, 8
    add r8, r9
"""
"""x2APIC on, the timer's input not divided; R8: a page of results, 256 bytes for each CPU."""
HANDLER: Final = """
handler64:
    push rax
    push rdx
    push rcx
    rdtsc
    shl rdx, 32
    or rax, rdx
    mov r10, [r8]
    mov [r8 + 8 * r10 + 16], rax
    inc qword ptr [r8]
    mov ecx, 0x80b
    xor eax, eax
    xor edx, edx
    wrmsr
    pop rcx
    pop rdx
    pop rax
    iretq
"""
"""Counts at [R8], and notes the TSC behind it."""


def lvt(bits: int) -> str:
    return f"mov ecx, 0x832\nmov eax, {bits:#x}\nxor edx, edx\nwrmsr\n"


def count(value: int) -> str:
    return f"mov ecx, 0x838\nmov eax, {value}\nxor edx, edx\nwrmsr\n"


SLEEP: Final = "sti\nhlt\ncli\nhlt\n"
SPIN: Final = "mov r11d, 2000\nspin{0}: dec r11d\njnz spin{0}\n"
GET: Final = "mov ecx, 0x839\nrdmsr\nmov [r8 + {}], rax\n"
PERIODIC: Final = VECTOR | 1 << 17
BY_TSC: Final = f"""
start:{ENABLE}{lvt(VECTOR | 2 << 17)}
    rdtsc
    shl rdx, 32
    or rax, rdx
    add rax, 100000
    mov [r8 + 8], rax
    mov rdx, rax
    shr rdx, 32
    mov ecx, 0x6e0
    wrmsr
    sti
    hlt
    rdmsr
    mov [r8 + 128], rax
    cli
    hlt
{HANDLER}"""
SOURCES: Final = {
    "once": f"start:{ENABLE}{lvt(VECTOR)}{count(1000)}{SLEEP}{HANDLER}",
    "periodic": f"start:{ENABLE}{lvt(PERIODIC)}{count(500)}sti\nagain: hlt\n"
    f"cmp qword ptr [r8], 10\njb again\ncli\nhlt\n{HANDLER}",
    "by tsc": BY_TSC,
    "by tsc, passed": BY_TSC.replace("add rax, 100000", "sub rax, 100"),
    "masked": f"start:{ENABLE}{lvt(VECTOR | 1 << 16)}{count(1000)}{SLEEP}{HANDLER}",
    "no vector": f"start:{ENABLE}{lvt(5)}{count(1000)}{SLEEP}{HANDLER}",
    "closed": f"start:{ENABLE}{lvt(PERIODIC)}{count(10)}cli\nhlt\n{HANDLER}",
    "anew": f"start:{ENABLE}{lvt(VECTOR)}{count(1000)}{SPIN.format(0)}{count(3000)}"
    f"{SLEEP}{HANDLER}",
    "stopped": f"start:{ENABLE}{lvt(VECTOR)}{count(1000)}{count(0)}{SLEEP}{HANDLER}",
    "counts": f"start:{ENABLE}{lvt(VECTOR | 1 << 16)}{count(10_000_000)}{GET.format(32)}"
    f"{SPIN.format(1)}{GET.format(40)}mov ecx, 0x83e\nmov eax, 0\nwrmsr\n"
    f"{GET.format(48)}{SPIN.format(2)}{GET.format(56)}cli\nhlt\n",
    "four": "".join(
        f"cpu{cpu}:{ENABLE}{lvt(VECTOR)}{count(400 * (cpu + 1))}{SLEEP}" for cpu in range(4)
    )
    + HANDLER,
    "polling": f"""
start:{ENABLE}{lvt(VECTOR | 1 << 17)}{count(700)}sti
again:
    pause
    cmp qword ptr [r8], 6
    jb again
    cli
    hlt
{HANDLER}""",
    "at any instruction": f"""
start:{ENABLE}{lvt(VECTOR)}
    mov r12d, 1
again:
    mov ecx, 0x838
    mov eax, r12d
    xor edx, edx
    wrmsr
    mov r13, [r8 + 8]
    sti
    hlt
    cli
    inc r12d
    mov qword ptr [r8], 0
    inc qword ptr [r8 + 8]
    cmp r12d, 60
    jb again
    hlt
{HANDLER}""",
}


@lru_cache(maxsize=1)
def programs() -> dict[str, Program]:
    """All of them, assembled at once."""
    return dict(zip(SOURCES, assembled(*SOURCES.values()), strict=True))


def boot(name: str, cpus: int = 1, **more: Any) -> Session:
    return boot_guest(programs()[name], cpus, **more)


def tick_ns(session: Session) -> int:
    hertz = APIC_HZ if session.machine.board.platform.hyperv else CRYSTAL_HZ
    return 1_000_000_000 // hertz


def armed_at(session: Session, msr: str, nth: int = 0) -> int:
    """Nanoseconds at which a register was written."""
    found = [e.virtual_ns for e in session.machine.board.logs.exits if f"wrmsr {msr}" in e.text]
    return found[nth]


def rang(session: Session, cpu: int = 0) -> list[int]:
    """The TSC at each interrupt, as the handler saw it."""
    place = DATA + 256 * cpu
    return [read(session, place + 16 + 8 * index) for index in range(read(session, place))]


def close(session: Session, seen: int, wanted_ns: int, within_ns: int = 60) -> bool:
    """Whether a TSC is that of a moment, or of a few instructions behind."""
    platform = session.machine.board.platform
    return tsc(platform, wanted_ns) <= seen <= tsc(platform, wanted_ns + within_ns)


@pytest.mark.parametrize("platform", ["none", "vbs", "sipi"])
def test_one_shot_wakes_a_halted_cpu_at_its_time_and_only_once(platform: str) -> None:
    session = boot("once", platform=platform)
    view = session.do("run")
    assert view.outcome != "hung" or read(session, DATA) == 1
    seen = rang(session)
    assert len(seen) == 1
    assert close(session, seen[0], armed_at(session, "X2APIC_INIT") + 1000 * tick_ns(session))


def test_periodic_rings_at_every_period() -> None:
    session = boot("periodic")
    session.do("run")
    first = armed_at(session, "X2APIC_INIT")
    seen = rang(session)
    assert len(seen) == 10
    assert all(
        close(session, one, first + 500 * tick_ns(session) * (place + 1))
        for place, one in enumerate(seen)
    )


def test_a_deadline_in_the_tsc_s_time_rings_when_the_tsc_is_there_and_is_then_zero() -> None:
    session = boot("by tsc")
    session.do("run")
    (seen,) = rang(session)
    deadline = read(session, DATA + 8)
    assert deadline <= seen <= deadline + 300
    assert read(session, DATA + 128) == 0


def test_a_deadline_that_has_passed_rings_at_once() -> None:
    session = boot("by tsc, passed")
    session.do("run")
    assert len(rang(session)) == 1


@pytest.mark.parametrize("name", ["masked", "no vector"])
def test_a_masked_timer_wakes_nobody_and_the_machine_hangs(name: str) -> None:
    session = boot(name)
    view = session.do("run")
    assert rang(session) == []
    assert view.outcome is not None and session.machine.board.cpus[0].activity == "halted"


def test_a_cpu_that_lets_nothing_in_is_not_woken() -> None:
    session = boot("closed")
    session.do("run")
    assert session.machine.board.cpus[0].activity == "halted" and rang(session) == []


def test_a_new_count_begins_anew_and_zero_stops_it() -> None:
    again = boot("anew")
    again.do("run")
    (seen,) = rang(again)
    assert close(again, seen, armed_at(again, "X2APIC_INIT", 1) + 3000 * tick_ns(again))
    stopped = boot("stopped")
    stopped.do("run")
    assert rang(stopped) == []


def test_the_current_count_goes_down_and_the_divider_slows_it() -> None:
    session = boot("counts")
    session.do("run")
    counts = [read(session, DATA + place) for place in (32, 40, 48, 56)]
    fast, slow = counts[0] - counts[1], counts[2] - counts[3]
    assert counts == sorted(counts, reverse=True)
    assert abs(fast - 2_000 // tick_ns(session)) < 1200 // tick_ns(session) + 100
    assert abs(fast - 2 * slow) < fast // 10


def test_every_cpu_has_its_own() -> None:
    session = boot("four", 4)
    session.do("run")
    for cpu in range(4):
        (seen,) = rang(session, cpu)
        begun = next(
            e.virtual_ns
            for e in session.machine.board.logs.exits
            if e.cpu == cpu and "wrmsr X2APIC_INIT" in e.text
        )
        assert close(session, seen, begun + 400 * (cpu + 1) * tick_ns(session))


def test_a_cpu_asleep_in_a_loop_is_interrupted_where_a_running_one_would_be() -> None:
    found = []
    for waiting in (True, False):
        session = boot("polling", waiting=waiting)
        session.do("run")
        found.append((rang(session), session.machine.board.cpus[0].ticks, session.digest()))
    assert len(found[0][0]) == 6
    assert found[0][0] == found[1][0]


def test_no_wake_up_is_lost_between_sti_and_hlt() -> None:
    session = boot("at any instruction")
    session.do("run")
    assert read(session, DATA + 8) == 59


@settings(max_examples=15, deadline=None)
@given(
    name=st.sampled_from(("polling", "at any instruction", "once", "by tsc")),
    lengths=st.lists(st.integers(1, 400), min_size=1, max_size=4),
    back=st.integers(0, 600),
)
def test_stops_and_going_back_change_nothing(name: str, lengths: list[int], back: int) -> None:
    plain = boot(name, 2)
    plain.do("run")
    session = boot(name, 2)
    for length in lengths:
        with suppress(CommandError):  # it may be over
            session.do(f"run {length}")
    session.do(f"goto {min(back, session.machine.board.tick)}")
    with suppress(CommandError):
        session.do("run")
    assert session.digest() == plain.digest()
    assert session.machine.board.tick == plain.machine.board.tick


def test_a_wrong_clock_has_a_wrong_timer() -> None:
    session = boot("once")
    session.do("inject drift 0 500000 slow")
    session.do("run")
    halted = [e for e in session.machine.board.logs.exits if e.text == "hlt"]
    took = halted[1].virtual_ns - armed_at(session, "X2APIC_INIT")
    assert 2000 * tick_ns(session) <= took <= 2000 * tick_ns(session) + 3000
