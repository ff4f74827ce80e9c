"""Stores to the mailbox that a CPU makes where it should not: what these kinds share."""

from emu.errors import CommandError
from emu.hw.address import Gpa
from emu.hw.cpu import Cpu
from emu.inject.kind import Given
from emu.machine.injected import Act, Armed, Trigger
from emu.machine.machine import Machine
from emu.mailbox.layout import COMMANDS, FIELDS

WAKEUP = next(number for number, name in COMMANDS.items() if name == "Wakeup")
_BY_NAME = {field.name: field for field in FIELDS}


def store(machine: Machine, cpu: Cpu | None, field: str, value: int) -> None:
    """A CPU (None: the host) stores a field of the mailbox."""
    one = _BY_NAME[field]
    if machine.board.mailbox_gpa is None:
        raise CommandError("inject: this image has no mailbox page")
    gpa = Gpa(machine.board.mailbox_gpa + one.offset)
    hpa = machine.board.npt.hpa_of(gpa)
    if hpa is None:
        raise CommandError(f"inject: the mailbox at {gpa:#x} is not mapped now")
    machine.stores.put(cpu, gpa, hpa, value.to_bytes(one.size, "little"))


def load(machine: Machine, field: str) -> int:
    """What a field of the mailbox holds."""
    one = _BY_NAME[field]
    assert machine.board.mailbox_gpa is not None, "asked behind a store"
    hpa = machine.board.npt.hpa_of(machine.board.mailbox_gpa + one.offset)
    assert hpa is not None, "asked behind a store"
    return int.from_bytes(machine.board.memory.read(hpa, one.size), "little")


def os_cpu(given: Given) -> Cpu:
    """The CPU that stored last, or the BSP: whose mistake it is."""
    return given.met_by or given.machine.board.cpus[0]


def when_commanded(machine: Machine, act: Act) -> None:
    """Do something as soon as the next Wakeup is stored: the AP has not seen it yet."""
    trigger = Trigger("mailbox", text="command", value=WAKEUP)
    machine.injected.arm(Armed("", trigger, act))
