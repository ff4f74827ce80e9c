"""An APIC id that two CPUs are told is seen where it is asked for, by whatever means."""

from typing import Final

import pytest

from emu.machine.apic_ids import X2APIC_ID, ApicIds
from emu.mailbox.observation import Shared
from tests.guest import Guest, finish

CALL: Final = ".byte 0x66, 0x0f, 0x01, 0xcc"
MSR: Final = """
    mov ecx, 0x1b
    mov eax, 0xfee00c00
    xor edx, edx
    wrmsr
    mov ecx, 0x802
    rdmsr
"""
BY_HOST: Final = f"""
    xor eax, eax
    mov ecx, 0x{{mask:x}}
    xor r10d, r10d
    mov r11d, {{function}}
    mov r12d, {{leaf}}
    xor r13d, r13d
    {CALL}
"""
WAYS: Final = {
    "the MSR": ("none", MSR),
    "CPUID 0xB": ("none", "mov eax, 0xb\n xor ecx, ecx\n cpuid"),
    "CPUID 1": ("none", "mov eax, 1\n cpuid"),
    "a TD's host, for the MSR": (
        "tdx", BY_HOST.format(mask=0x1C00, function=0x1F, leaf=0x802)
    ),
    "a TD's host, for CPUID": ("tdx", BY_HOST.format(mask=0xFC00, function=0xA, leaf=0xB)),
}  # fmt: skip
"""SDM 3, 10.12.5.1; SDM 2, CPUID; GHCI 1.5, table 2-3."""


def told(platform: str, source: str, ids: tuple[int, int], cpus: int = 2) -> list[Shared]:
    """Two CPUs ask for their ids, which are those."""
    driver = Guest(f"start: {source}\n cli\n hlt", cpus, platform).driver()
    for index, apic_id in enumerate(ids):
        driver.machine.board.vmm.vps[index].apic_id = apic_id
    return [one for one in finish(driver).logs.observed if isinstance(one, Shared)]


@pytest.mark.parametrize(("platform", "source"), WAYS.values(), ids=WAYS)
def test_one_id_for_two_cpus_is_told_and_two_are_not(platform: str, source: str) -> None:
    (found,) = told(platform, source, (3, 3))
    assert (found.what, found.value) == ("APIC id", 3)
    assert {found.cpu, found.other} == {0, 1}
    assert told(platform, source, (3, 4)) == []


def test_the_low_bits_of_a_long_id_are_no_id() -> None:
    assert told("none", "mov eax, 1\n cpuid", (0x103, 3), cpus=300)[:1] == []


def test_an_id_that_was_refused_is_none() -> None:
    """In xAPIC mode there is no such MSR (SDM 3, 10.12.2): #GP, and RAX is what it was."""
    source = f"mov eax, 5\n mov ecx, {X2APIC_ID}\n rdmsr\n nop\nhandler13: nop"
    assert told("none", source, (0, 1)) == []


def test_what_is_saved_is_put_back() -> None:
    driver = Guest("start: mov eax, 0xb\n cpuid\n hlt", 2).driver()
    finish(driver)
    ids: ApicIds = driver.machine.cpu_witness.ids
    saved = ids.save()
    assert saved == {("CPUID", 0): 0, ("CPUID", 1): 1}
    ids.load({})
    assert ids.save() == {}
    ids.load(saved)
    assert ids.save() == saved
