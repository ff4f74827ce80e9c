"""An observation: a fact that rules may look at, noted where it can be seen."""

from tests.guest import boot

NEW: dict[str, str] = {}
LINES = {
    "emu/mailbox/observation.py": (
        (
            "    pauses: bool\n",
            '\n\nclass Slept(Seen, frozen=True):\n    """A CPU is about to execute HLT."""\n',
        ),
        ("    | Ended\n", "    | Slept\n"),
    ),
    "emu/machine/witness.py": (
        ("    Refused,\n", "    Slept,\n"),
        ("from emu.vmm.asked import Asked, ", "Hlt, "),
        (
            "        elif isinstance(asked, Tdcall) and self._looks and self._board.is_td:\n"
            "            return calls.asking(cpu, asked)\n",
            "        elif isinstance(asked, Hlt) and self._looks:\n"
            "            where = self._where(cpu, self._board.linear_rip(cpu))\n"
            "            self._board.logs.observed.append(Slept(*where))\n",
        ),
    ),
}


def uses() -> None:
    from emu.mailbox.observation import Slept

    session = boot("nop\nnop\nhlt", cpus=2)
    session.do("run")
    seen = [one for one in session.machine.board.logs.observed if isinstance(one, Slept)]
    assert sorted(one.cpu for one in seen if one.cpu is not None) == [0, 1]
    session.do("goto 0")
    assert not len(session.machine.board.logs.observed)
