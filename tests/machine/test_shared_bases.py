"""A base of GS or FS, or a TSS, that two CPUs have is seen when both have come to rest."""

import pytest
from msgspec.structs import replace

from emu.machine.shared_bases import SharedBases
from tests.guest import DATA, Guest
from tests.machine.seen import shared

SETS = """
cpu{cpu}: mov ecx, {msr:#x}
    mov eax, {base:#x}
    xor edx, edx
    wrmsr
    {then}
    hlt
"""
GS, FS = 0xC000_0101, 0xC000_0100


def sets(cpu: int, base: int, then: str = "", msr: int = GS) -> str:
    """A CPU that gives itself a base."""
    return SETS.format(cpu=cpu, base=base, then=then, msr=msr)


@pytest.mark.parametrize(("msr", "what"), [(GS, "GS base"), (FS, "FS base")])
def test_one_base_on_two_cpus_that_halt_is_told(msr: int, what: str) -> None:
    (found,) = shared(sets(0, DATA, "", msr) + sets(1, DATA, "", msr))
    assert found[1:3] == (what, DATA) and {found[0], found[3]} == {0, 1}


def test_bases_of_their_own_and_none_are_not() -> None:
    assert shared(sets(0, DATA) + sets(1, DATA + 64)) == []
    assert shared(sets(0, 0) + sets(1, 0)) == []


def test_who_was_started_with_another_s_base_may_still_get_its_own() -> None:
    own = f"rdtsc\n mov ecx, {GS:#x}\n mov eax, {DATA + 64:#x}\n xor edx, edx\n wrmsr"
    assert shared(sets(0, DATA) + sets(1, DATA, own)) == []


def test_it_is_seen_of_who_waits_in_a_loop_too() -> None:
    wait = "mov ebx, {SHARED}\nwait: pause\n cmp dword ptr [rbx], 1\n jne wait"
    assert [one[1] for one in shared(sets(0, DATA) + sets(1, DATA, wait))] == ["GS base"]


LOADS = """
cpu{cpu}: sub rsp, 16
    mov word ptr [rsp], 0x2f
    lea rax, [rip + table{cpu}]
    mov [rsp + 2], rax
    lgdt [rsp]
    mov eax, 0x20
    ltr ax
    hlt
.balign 8
table{cpu}: .quad 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
    .quad {descriptor:#x}, 0
"""


def loads(cpu: int, tss: int) -> str:
    """A CPU that loads a TSS at an address below 16 MiB from a GDT of its own."""
    low = 0x67 | (tss & 0xFFFFFF) << 16 | 0x89 << 40
    return LOADS.format(cpu=cpu, descriptor=low)


def test_one_tss_on_two_cpus_is_told_and_two_are_not() -> None:
    (found,) = shared(loads(0, DATA) + loads(1, DATA))
    assert found[1:3] == ("TSS", DATA)
    assert shared(loads(0, DATA) + loads(1, DATA + 0x80)) == []


def test_what_is_saved_is_put_back() -> None:
    machine = Guest(sets(0, DATA), 1).machine()
    bases: SharedBases = machine.cpu_witness.bases
    machine.board.cpus[0].registers.put_segment(
        "gs", replace(machine.board.cpus[0].registers.segment("gs"), base=DATA)
    )
    bases.settled(machine.board.cpus[0])
    saved = bases.save()
    assert saved == {("gs", DATA): 0}
    bases.load({})
    assert bases.save() == {}
    bases.load(saved)
    assert bases.save() == saved
