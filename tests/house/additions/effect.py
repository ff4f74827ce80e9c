"""An effect: something that the VMM decides, and what it changes on the machine."""

from tests.guest import boot

NEW: dict[str, str] = {}
LINES = {
    "emu/vmm/effects.py": (
        (
            '    """The list that a hypercall was given, as the hypervisor has read it."""\n',
            "\n\nclass Hurry(Struct, frozen=True):\n"
            '    """A CPU executes so many times more instructions in a nanosecond."""\n\n'
            "    target: int\n    times: int\n",
        ),
        ("    | Note\n", "    | Hurry\n"),
    ),
    "emu/machine/apply.py": (
        (
            '            parts.board.event(cpu, "exit", text)\n',
            "        case fx.Hurry(target, times):\n"
            "            parts.board.cpus[target].ps_per_instruction //= times\n",
        ),
    ),
}


def uses() -> None:
    from emu.vmm import effects
    from emu.vmm.devices import Device, Devices
    from emu.vmm.devices.device import silent

    def write(caller: object, offset: int, width: int, value: int) -> effects.Effects:
        return (effects.Hurry(0, value),)

    turbo = Device("turbo", silent, write, range(0x520, 0x521))
    session = boot("mov al, 5\nmov dx, 0x520\nout dx, al\nhlt", devices=Devices((turbo,)))
    before = session.machine.board.cpus[0].ps_per_instruction
    session.do("run")
    assert session.machine.board.cpus[0].ps_per_instruction == before // 5
