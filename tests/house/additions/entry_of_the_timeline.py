"""An entry of the timeline: words that mean the same whenever they are carried out again."""

from tests.guest import DATA, boot, read

NEW: dict[str, str] = {}
LINES = {
    "emu/timeline/entry.py": (
        (
            "            inject(machine, rest)\n",
            '        case "zap":\n'
            "            machine.stores.host_write(Gpa(int(rest, 0)), bytes(8))\n",
        ),
        ("from emu.errors import CommandError\n", "from emu.hw.address import Gpa\n"),
    ),
}


def uses() -> None:
    session = boot("mov eax, 7\nmov [{DATA}], rax\nnop\nnop\nhlt")
    session.do("run 3")
    session.timeline.enter(f"zap {DATA:#x}")
    session.do("run")
    for tick, value in ((4, 0), (2, 7), (4, 0)):
        session.do(f"goto {tick}")
        assert read(session, DATA) == value, tick
    assert [entry.text for entry in session.view().entries] == [f"zap {DATA:#x}"]
