"""What a TDVMCALL shows the host without need: registers beyond those of its subfunction."""

import pytest

from emu.machine.calls import Asking, asking
from emu.vmm.asked import Tdcall
from tests.guest import CODE, Guest

OWN = (1 << 10) | (1 << 11) | (1 << 12) | (1 << 13)
CPUID, HLT, REPORT, IO = 0xA, 0xC, 0x1_0003, 0x1E


def asked(function: int, shown: int, r10: int = 0, leaf: int = 0, **values: int) -> Asking:
    """What is noted of a call with RCX = `shown`."""
    cpu = Guest("start: hlt", 1, "tdx").machine().board.cpus[0]
    for name, value in {"rcx": shown, "r10": r10, "r11": function, **values}.items():
        cpu.registers.put(name, value)
    return asking(cpu, Tdcall(4, leaf, r10, function))


@pytest.mark.parametrize(
    ("function", "shown", "found"),
    [(CPUID, OWN, ()), (CPUID, OWN | 1 << 3, (("rbx", 7),)), (CPUID, OWN | 1 << 5, ()),
     (HLT, OWN, (("r13", 9),)), (IO, OWN | 1 << 14 | 1 << 15, ()),
     (CPUID, 0xFFFF_0000 | OWN | 1 << 16, ()), (REPORT, 0xFFCC, ()),
     (0x7777, 0xFFCC, ()), (HLT, 1 << 3 | 1 << 13, (("rbx", 7), ("r13", 9)))],
)  # fmt: skip
def test_a_register_is_spare_if_it_is_shown_needless_and_not_zero(
    function: int, shown: int, found: tuple[tuple[str, int], ...]
) -> None:
    seen = asked(function, shown, rbx=7, rbp=0, r13=9)
    assert seen.shown == found and seen.status == "r10" and seen.address == CODE


def test_a_hypercall_shows_its_own_four_and_answers_in_r11() -> None:
    seen = asked(0, 0x0D04, r10=0x99, rdx=1, r8=2)
    assert (seen.call, seen.shown, seen.status) == ("TDG.VP.VMCALL a hypercall", (), "r11")
    assert asked(0, 0x0D04 | 1 << 15, r10=0x99, r15=5).shown == (("r15", 5),)


def test_a_leaf_of_the_module_s_own_shows_the_host_nothing() -> None:
    seen = asked(0, 0xFFFF, leaf=1, rbx=7)
    assert seen.shown == () and seen.status == "" and "VMCALL" not in seen.call
