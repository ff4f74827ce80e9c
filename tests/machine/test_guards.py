"""Pages that parked CPUs run on, as the machine runs."""

import pytest

from emu.machine.machine import Machine, Pause
from tests.guest import FOREVER, go_on, label
from tests.machine.elsewhere import Place


def test_a_bug_inside_the_fault_handler_is_raised_and_does_not_hang() -> None:
    driver = Place("vbs", cpus=2).bare()

    def broken(gpa: int) -> bool:
        raise AssertionError(f"a bug at {gpa:#x}")

    driver.machine.board.engine.absorb = broken
    with pytest.raises(AssertionError, match="a bug at"):
        driver.drive(FOREVER)


def at_kernel(platform: str) -> Machine:
    """The sample with three CPUs, its kernel about to be entered."""
    driver = Place(platform, cpus=3).bare()
    board = driver.machine.board
    board.addresses.stop(label(board, "kernel_start"), None)
    assert go_on(driver) is Pause.BREAKPOINT
    return driver.machine


def _table_of(machine: Machine, cpu: int) -> int:
    return machine.board.cpus[cpu].registers.get("cr3")


@pytest.mark.parametrize("platform", ["tdx", "vbs", "sipi", "none"])
def test_the_tables_of_a_parked_ap_are_open_to_its_slices_only(platform: str) -> None:
    machine = at_kernel(platform)
    tables = [_table_of(machine, cpu) for cpu in (1, 2)]
    assert all(table in machine.guards.pages for table in tables)
    for cpu, (own, other) in ((1, tables), (2, tables[::-1])):
        machine.switch_to(machine.board.cpus[cpu])
        assert own in machine.tracked.lent
        assert other not in machine.tracked.lent
    machine.switch_to(machine.board.cpus[0])
    assert not machine.tracked.lent
