"""The digest counts every page of the guest, though it looks at few."""

import hashlib

import pytest

from emu.hw.address import PAGE_BYTES, Hpa
from emu.machine.machine import Machine
from emu.timeline.digest import Digest
from emu.timeline.moment import START, Moment
from emu.timeline.timeline import Timeline
from tests.guest import Guest, finish
from tests.machine.elsewhere import Place

_ZERO = bytes(PAGE_BYTES)


def page_by_page(machine: Machine) -> str:
    """The digest by its definition: all pages of all views are read."""
    total = 0
    for _, first, size in machine.board.ram.views():
        for hpa in range(first, first + size, PAGE_BYTES):
            data = machine.board.memory.read(Hpa(hpa), PAGE_BYTES)
            if data != _ZERO:
                found = hashlib.sha256(hpa.to_bytes(8, "little") + data).digest()
                total += int.from_bytes(found, "little")
    whole = hashlib.sha256((total & (1 << 256) - 1).to_bytes(32, "little"))
    for cpu in machine.board.cpus:
        whole.update(cpu.id.to_bytes(4, "little"))
        if cpu.context is not None:
            whole.update(cpu.context.architectural())
    return whole.hexdigest()


@pytest.mark.parametrize("platform", ["tdx", "vbs", "sipi", "none"])
def test_every_page_counts_before_the_first_instruction_and_in_a_boot(platform: str) -> None:
    timeline = Timeline(Place(platform, cpus=2).bare().machine)
    digest = Digest(timeline.machine)
    assert digest.now() == page_by_page(timeline.machine)
    timeline.driver.drive(Moment(60_000))
    timeline.enter("set gpa:0x8000000/8=0x1234")
    assert digest.now() == page_by_page(timeline.machine)
    timeline.goto(START)
    assert digest.now() == page_by_page(timeline.machine)


def test_a_page_that_is_broken_at_power_on_counts() -> None:
    machine = Place("none", ("flip 0x8a00000 3",), cpus=2).driver().machine
    assert Digest(machine).now() == page_by_page(machine)


def test_a_first_digest_at_the_end_counts_what_the_guest_stored() -> None:
    driver = Guest("start: mov dword ptr [{DATA}], 7\n hlt").driver()
    digest = Digest(driver.machine)
    finish(driver)
    assert digest.now() == page_by_page(driver.machine)


def test_a_page_that_is_stored_to_again_counts_again() -> None:
    source = "start: mov dword ptr [{DATA}], 7\n nop\n mov dword ptr [{DATA}], 8\n hlt"
    driver = Guest(source).driver()
    digest = Digest(driver.machine)
    seen = []
    for tick in (0, 1, 2, 3, 4):
        driver.drive(Moment(tick))
        seen.append(digest.now())
        assert seen[-1] == page_by_page(driver.machine)
    assert len(set(seen)) == 5  # RIP moves, too
