"""What the rules about CPUs are told of is seen where it happens, and the guest cannot tell."""

from collections import Counter

import pytest

from emu.machine.cpu_witness import CpuWitness
from emu.machine.pause import Pause
from emu.mailbox.observation import Ignored, Shared, StartPageWritten, Unreturned
from emu.timeline.digest import Digest
from emu.timeline.moment import Moment
from tests.guest import DATA, FOREVER, Guest, finish
from tests.machine.elsewhere import Place

WRONG = f"""
start: mov ecx, 0xc0000101
    mov eax, {DATA:#x}
    xor edx, edx
    wrmsr
    mov eax, 0x55
    .byte 0x66, 0x0f, 0x01, 0xcc
    xor eax, eax
    ud2
handler6: cli
    xor eax, eax
    mov ecx, 0x1c00
    xor r10d, r10d
    mov r11d, 12
    mov r12d, 1
    .byte 0x66, 0x0f, 0x01, 0xcc
"""
"""The handler halts by its host, as a TD does."""


@pytest.mark.parametrize("platform", ["none", "vbs", "tdx", "sipi"])
def test_of_the_sample_s_boot_nothing_is_noted(platform: str) -> None:
    driver = Place(platform, cpus=3).bare()
    assert isinstance(driver.machine.cpu_witness, CpuWitness)
    kinds = {type(one) for one in finish(driver).logs.observed}
    assert not kinds & {Ignored, Shared, StartPageWritten, Unreturned}


def test_a_guest_that_does_all_wrong_is_the_same_with_and_without() -> None:
    ends = []
    for looking in (True, False):
        driver = Guest(WRONG, 2, "tdx").driver()
        driver.machine.witness.on = looking
        digest = Digest(driver.machine)
        board = finish(driver)
        ends.append((digest.now(), board.tick, board.beat, list(map(str, board.logs.events))))
        kinds = Counter(type(one) for one in board.logs.observed)
        if looking:
            assert kinds[Ignored] == 2 and kinds[Shared] == 1 and kinds[Unreturned] == 2
        else:
            assert not kinds
    assert ends[0] == ends[1]


def test_facts_go_back_with_the_machine_and_come_again() -> None:
    timeline = Guest(WRONG, 2, "tdx").timeline()
    log = timeline.machine.board.logs.observed
    while timeline.forward(FOREVER) is Pause.SLICE:
        pass
    seen = list(log)
    assert len(seen) == 9
    timeline.goto(Moment(0))
    assert not len(log)
    timeline.goto(FOREVER)
    assert list(log) == seen
