"""All CPUs in rows, cheaply: of a thousand that stand still none is looked at twice."""

from itertools import repeat
from typing import Any, Final

from emu.hw.cpu import Cpu
from emu.judge.fate import Ground, ground
from emu.judge.waiting import WaitWords
from emu.machine.handover import ap_record_words
from emu.machine.lap import Loop
from emu.machine.machine import Machine
from emu.picture.cpu_row import PlaceNames, cpu_view, place_of, why_still
from emu.picture.view import CpuView

PLACES_MAX: Final = 16_384


class Crowd:
    """The CPUs of one machine, and the rows that they had when they were looked at last."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._places: dict[int, PlaceNames] = {}
        self._known: dict[int, tuple[Any, Loop | None, CpuView]] = {}

    def views(
        self, course: tuple[str, int], words: WaitWords, *, over: bool
    ) -> tuple[CpuView, ...]:
        """Every CPU as it is now. `course`: the branch, and how many of its entries were
        carried out, as an edit changes registers without an instruction; `words`: what is
        known of the loops that they wait in; `over`: the guest has switched the machine off."""
        known = ground(self._machine, over=over)
        now = self._machine.board.now_ps()
        cpus = self._machine.board.cpus
        records = [0, *ap_record_words(self._machine.board)]
        records += [0] * (len(cpus) - len(records))
        same = repeat(known), repeat(words), repeat(now), repeat(course)
        return tuple(map(self._view, cpus, records, *same))

    def _place(self, machine: Machine, address: int) -> PlaceNames:
        """What an address is called, found once."""
        known = self._places.get(address)
        if known is None:
            if len(self._places) >= PLACES_MAX:
                self._places.clear()
            known = self._places[address] = place_of(machine, address)
        return known

    def _view(
        self, cpu: Cpu, record: int, ground: Ground, words: WaitWords, now_ps: int,
        course: tuple[str, int],
    ) -> CpuView:  # fmt: skip
        machine = self._machine
        wait = machine.waits.waiting.get(cpu.id)
        loop = None if wait is None else wait.loop
        rip = 0 if cpu.context is None else cpu.context.rip
        key = (
            cpu.ticks, cpu.clock_ps, cpu.activity, cpu.milestone, rip, course, record,
            machine.board.powered_off, cpu.reason, machine.board.aps.of(cpu.id),
            ground.of(cpu.id),
        )  # fmt: skip
        known = self._known.get(cpu.id)
        clock = cpu.clock_ps if wait is None else max(wait.lap_at(now_ps), cpu.clock_ps)
        if known is None or known[0] != key:
            view = cpu_view(machine, cpu, ground, self._place, words.of, clock)
            self._known[cpu.id] = key, loop, view
            return view
        view = known[2]
        if wait is None and known[1] is None:
            return view
        waits = view.waits
        if known[1] is not loop:
            # Who sleeps goes round in another loop for every store to what it looks at.
            waits = words.of(cpu) or why_still(cpu)
        found = CpuView(
            view.id, view.apic_id, view.state, view.mode, view.rip, view.symbol, view.line,
            view.milestone, waits, view.ticks, clock // 1000, view.fate,
        )  # fmt: skip
        if known[1] is not loop:
            self._known[cpu.id] = key, loop, found
        return found
