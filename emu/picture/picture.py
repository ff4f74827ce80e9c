"""From the machine to the frozen view: everything that a screen may know, nothing more."""

from msgspec import Struct

from emu.errors import CommandError
from emu.hw.cpu import Cpu
from emu.judge.judge import Judge
from emu.judge.verdict import Verdict
from emu.machine.machine import Machine
from emu.picture import registers
from emu.picture.drawn import Drawn
from emu.picture.entries import entries
from emu.picture.lanes import timeline_view
from emu.picture.listing import listing
from emu.picture.looks import Looks
from emu.picture.mailbox import mailbox_view
from emu.picture.registers import RegisterValues
from emu.picture.stop import Stop
from emu.picture.view import BreakpointView, CodeLine, MachineView
from emu.timeline.timeline import Timeline
from emu.words.expression import address


class Said(Struct, frozen=True):
    """What people said, and what was said to them, as far as it is in a picture."""

    focus: int
    running: bool
    stop: tuple[Stop, ...]
    verdict: Verdict | None
    reply: tuple[str, ...]
    points: tuple[BreakpointView, ...]
    addresses: frozenset[int]
    """Where breakpoints are."""
    seen: RegisterValues
    """The registers in focus when the command began."""


def view(
    machine: Machine, timeline: Timeline, judge: Judge, looks: Looks, drawn: Drawn, told: Said
) -> MachineView:
    """The whole machine with one CPU in focus."""
    focus = machine.board.cpus[told.focus]
    started = focus.context is not None
    verdict = told.verdict
    schedule = timeline.driver.schedule
    return MachineView(
        image=machine.board.layout.name,
        platform=machine.board.platform.name,
        seed=machine.board.seed,
        tick=machine.board.tick,
        virtual_ns=machine.board.now_ps() // 1000,
        running=told.running,
        stop=told.stop,
        outcome=None if verdict is None else verdict.outcome,
        outcome_reason="" if verdict is None else verdict.reason,
        focus=told.focus,
        cpus=drawn.crowd.views((timeline.branch.name, timeline.driver.done)),
        registers=registers.views(focus.registers, told.seen) if started else (),
        code=_code(machine, focus, looks, told.addresses),
        code_look=looks.code,
        mailbox=mailbox_view(machine),
        cpu_filter=looks.cpus,
        sections=looks.sections(machine, timeline, focus),
        exit_counts=_exit_counts(machine),
        entries=entries(machine, timeline),
        held=schedule.held,
        schedule=schedule.rule.text,
        serial=machine.board.vmm.serial.decode("utf-8", "replace"),
        breakpoints=told.points,
        findings=looks.findings(judge, verdict),
        reply=told.reply,
        timeline=timeline_view(
            machine, drawn.lanes, told.focus, timeline.end.tick,
            looks.window, (timeline.branch.name, len(timeline.branches)),
            tuple((name, at.tick) for name, at in timeline.branch.marks.items()),
        ),
    )  # fmt: skip


def _exit_counts(machine: Machine) -> tuple[tuple[str, int], ...]:
    return tuple(
        sorted(machine.board.exit_counts.items(), key=lambda pair: (-pair[1], pair[0]))
    )


def _code(
    machine: Machine, focus: Cpu, looks: Looks, stops: frozenset[int]
) -> tuple[CodeLine, ...]:
    """The lines around the CPU, or around the place that is looked at."""
    if focus.context is None:
        return ()
    look = looks.code
    start = machine.board.linear_rip(focus)
    if look.where:
        try:
            start = address(machine, focus, look.where)
        except CommandError:
            return ()
    found = listing(machine, focus, start, stops, _places(machine))
    if look.lines == "both":
        return found
    unwanted = "source" if look.lines == "asm" else "asm"
    return tuple(line for line in found if line.kind != unwanted or line.current)


def _places(machine: Machine) -> dict[int, tuple[int, ...]]:
    """Linear RIP -> the CPUs there."""
    found: dict[int, list[int]] = {}
    for cpu in machine.board.cpus:
        if cpu.context is not None:
            found.setdefault(machine.board.linear_rip(cpu), []).append(cpu.id)
    return {address: tuple(ids) for address, ids in found.items()}
