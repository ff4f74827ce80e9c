"""All CPUs in rows, cheaply: of a thousand that stand still none is looked at twice."""

from itertools import repeat
from typing import Any, Final

from emu.hw.cpu import Cpu
from emu.judge.fate import Ground, ground
from emu.judge.waiting import WaitWords
from emu.machine.handover import ap_record_words
from emu.machine.lap import Loop
from emu.machine.machine import Machine
from emu.picture.cpu_row import PlaceNames, cpu_view, place_of
from emu.picture.view import CpuView

PLACES_MAX: Final = 16_384


class Crowd:
    """The CPUs of one machine, and the rows that they had when they were looked at last."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._words = WaitWords(machine)
        self._places: dict[int, PlaceNames] = {}
        self._known: dict[int, tuple[Any, Loop | None, CpuView]] = {}

    def views(self, course: tuple[str, int], *, over: bool) -> tuple[CpuView, ...]:
        """Every CPU as it is now. `course`: the branch, and how many of its entries were
        carried out, as an edit changes registers without an instruction; `over`: the guest has
        switched the machine off."""
        known = ground(self._machine, over=over)
        now = self._machine.board.now_ps()
        cpus = self._machine.board.cpus
        words = [0, *ap_record_words(self._machine.board)]
        words += [0] * (len(cpus) - len(words))
        return tuple(map(self._view, cpus, repeat(known), repeat(now), repeat(course), words))

    def _place(self, machine: Machine, address: int) -> PlaceNames:
        """What an address is called, found once."""
        known = self._places.get(address)
        if known is None:
            if len(self._places) >= PLACES_MAX:
                self._places.clear()
            known = self._places[address] = place_of(machine, address)
        return known

    def _wait_words(self, _: Machine, cpu: Cpu) -> str:
        return self._words.of(cpu)

    def _view(
        self, cpu: Cpu, ground: Ground, now_ps: int, course: tuple[str, int], record: int
    ) -> CpuView:
        machine = self._machine
        wait = machine.waits.waiting.get(cpu.id)
        loop = None if wait is None else wait.loop
        rip = 0 if cpu.context is None else cpu.context.rip
        key = (
            cpu.ticks, cpu.clock_ps, cpu.activity, cpu.milestone, rip, course, record,
            machine.board.powered_off, cpu.reason, ground.of(cpu.id),
        )  # fmt: skip
        known = self._known.get(cpu.id)
        if known is None or known[0] != key or known[1] is not loop:
            clock = cpu.clock_ps if wait is None else max(wait.lap_at(now_ps), cpu.clock_ps)
            view = cpu_view(machine, cpu, ground, self._place, self._wait_words, clock)
            self._known[cpu.id] = key, loop, view
            return view
        if wait is None:
            return known[2]
        view = known[2]
        ns = max(wait.lap_at(now_ps), cpu.clock_ps) // 1000
        return CpuView(
            view.id, view.apic_id, view.state, view.mode, view.rip, view.symbol, view.line,
            view.milestone, view.waits, view.ticks, ns, view.fate,
        )  # fmt: skip
