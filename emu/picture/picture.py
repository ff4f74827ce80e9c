"""From the machine to the frozen view: everything that a screen may know, nothing more."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from emu.errors import CommandError
from emu.hw.address import Gpa
from emu.hw.cpu import Cpu
from emu.judge.outcome import state_of
from emu.judge.waiting import words_for
from emu.machine import handover
from emu.machine.event import Event, MailboxWrite, Milestone
from emu.machine.machine import Machine
from emu.mailbox.layout import HEAD_BYTES, command_name, read_head
from emu.picture import registers
from emu.picture.entries import entries
from emu.picture.lanes import timeline_view
from emu.picture.listing import listing
from emu.picture.registers import RegisterValues
from emu.picture.view import ApProgress, CodeLine, CpuView, MachineView, MailboxView
from emu.words.expression import address

if TYPE_CHECKING:
    from emu.debug.session import Session


def view(session: "Session", seen: RegisterValues, reply: tuple[str, ...]) -> MachineView:
    """The whole machine with the session's CPU in focus."""
    machine, timeline = session.machine, session.timeline
    focus = machine.board.cpus[session.focus]
    started = focus.context is not None
    verdict = session.verdict
    schedule = timeline.driver.schedule
    return MachineView(
        image=machine.board.layout.name,
        platform=machine.board.platform.name,
        seed=machine.board.seed,
        tick=machine.board.tick,
        virtual_ns=machine.board.now_ps() // 1000,
        running=session.running,
        stop=session.stop,
        outcome=None if verdict is None else verdict.outcome,
        outcome_reason="" if verdict is None else verdict.reason,
        focus=session.focus,
        cpus=session.crowd.views((timeline.branch.name, timeline.driver.done)),
        registers=registers.views(focus.registers, seen) if started else (),
        code=_code(session, focus),
        code_look=session.looks.code,
        mailbox=mailbox_view(machine),
        cpu_filter=session.looks.cpus,
        sections=session.looks.sections(session),
        exit_counts=_exit_counts(machine),
        entries=entries(session),
        held=schedule.held,
        schedule=schedule.rule.text,
        serial=machine.board.vmm.serial.decode("utf-8", "replace"),
        breakpoints=(
            *(point.view() for point in session.breakpoints.listed),
            *(watch.view() for watch in session.watchpoints.listed),
            *(catch.view() for catch in session.catches.listed),
        ),
        findings=session.looks.findings(session),
        reply=reply,
        timeline=timeline_view(
            machine, session.lane_index, session.focus, timeline.end.tick,
            session.looks.window, (timeline.branch.name, len(timeline.branches)),
            tuple((name, at.tick) for name, at in timeline.branch.marks.items()),
        ),
    )  # fmt: skip


def _exit_counts(machine: Machine) -> tuple[tuple[str, int], ...]:
    return tuple(
        sorted(machine.board.exit_counts.items(), key=lambda pair: (-pair[1], pair[0]))
    )


def _code(session: "Session", focus: Cpu) -> tuple[CodeLine, ...]:
    """The lines around the CPU, or around the place that is looked at."""
    if focus.context is None:
        return ()
    machine, look = session.machine, session.looks.code
    stops = frozenset(a for p in session.breakpoints.listed for a in p.addresses)
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


def register_values(cpu: Cpu) -> RegisterValues:
    """All registers of a CPU, none of one that never started."""
    return {} if cpu.context is None else registers.values(cpu.context)


def _places(machine: Machine) -> dict[int, tuple[int, ...]]:
    """Linear RIP -> the CPUs there."""
    found: dict[int, list[int]] = {}
    for cpu in machine.board.cpus:
        if cpu.context is not None:
            found.setdefault(machine.board.linear_rip(cpu), []).append(cpu.id)
    return {address: tuple(ids) for address, ids in found.items()}


PlaceNames = tuple[str, str]
"""Symbol with offset, and `file:line`; empty where there is none."""


def place_of(machine: Machine, address: int) -> PlaceNames:
    """What a linear address is called."""
    line = machine.board.layout.lines.line_of(address)
    name = machine.board.layout.symbols.name(address)
    return name, "" if line is None else f"{line[0]}:{line[1]}"


def cpu_view(
    machine: Machine,
    cpu: Cpu,
    place: Callable[[Machine, int], PlaceNames] = place_of,
    words: Callable[[Machine, Cpu], str] = words_for,
    clock_ps: int | None = None,
) -> CpuView:
    """One CPU in a row; whoever looks at many brings what is known of places and waits."""
    if cpu.context is None:
        return CpuView(
            cpu.id, cpu.apic_id, state_of(machine, cpu), "", 0, "", "", "", why_still(cpu), 0, 0
        )
    address = machine.board.linear_rip(cpu)
    symbol, line = place(machine, address)
    clock = machine.waits.clock_of(cpu) if clock_ps is None else clock_ps
    return CpuView(
        id=cpu.id,
        apic_id=cpu.apic_id,
        state=state_of(machine, cpu),
        mode=cpu.context.mode,
        rip=address,
        symbol=symbol,
        line=line,
        milestone=cpu.milestone,
        waits=words(machine, cpu) or why_still(cpu),
        ticks=cpu.ticks,
        virtual_ns=clock // 1000,
    )


def why_still(cpu: Cpu) -> str:
    """Why a CPU cannot execute anything now, empty if it can."""
    match cpu.activity:
        case "off":
            return "nobody has started it"
        case "wait-for-sipi":
            return "a SIPI"
        case "halted":
            return "an interrupt"
        case "shutdown":
            return cpu.reason
        case "running" | "waiting":
            return ""


def mailbox_view(machine: Machine) -> MailboxView | None:
    """The mailbox page and how far each AP is; None where no mailbox is known."""
    gpa = machine.board.mailbox_gpa
    data = None if gpa is None else machine.board.ram.guest_bytes(gpa, HEAD_BYTES)
    if gpa is None or data is None:
        return None
    head = read_head(data)
    return MailboxView(
        gpa=gpa,
        page_state=machine.board.ram.state(Gpa(gpa)) or "none",
        command=head.command,
        command_name=command_name(head.command),
        reserved=head.reserved,
        apic_id=head.apic_id,
        vector=head.vector,
        vector_symbol=machine.board.layout.symbols.name(head.vector) if head.vector else "",
        aps=tuple(progress(machine, cpu) for cpu in machine.board.cpus[1:]),
    )


_NEXT = {
    "parked": "the OS stores its id, a vector and Wakeup",
    "woken": "it reads the vector and clears the command",
    "acked": "it jumps to the vector",
    "online": "",
    "offline": "it comes back to the mailbox",
}


def progress(machine: Machine, cpu: Cpu) -> ApProgress:
    """Where one AP is in the protocol, and what must come next."""
    steps = machine.board.protocol.reached.get(cpu.id, ())
    at = steps[-1] if steps else None
    if at is None and cpu.context is None:
        return ApProgress(cpu.id, "off", 0, 0, "it starts")
    if at is None:
        return ApProgress(cpu.id, "starting", 0, 0, "it reaches the mailbox")
    return ApProgress(cpu.id, at.step, at.tick, at.virtual_ns, _NEXT[at.step], steps)


def milestones(events: Iterable[Event]) -> list[tuple[str, Event]]:
    """(name, event) of every milestone."""
    return [(e.detail.name, e) for e in events if isinstance(e.detail, Milestone)]


def mailbox_writes(events: Iterable[Event]) -> list[tuple[MailboxWrite, Event]]:
    """(write, event) of every change of the mailbox."""
    return [(e.detail, e) for e in events if isinstance(e.detail, MailboxWrite)]


def kernel_dtb(machine: Machine) -> bytes:
    """The device tree in boot_params.setup_data (type 2), which the kernel is handed."""
    found = handover.kernel_dtb(machine.board)
    if found is None:
        raise CommandError("the shim has not handed a device tree to the kernel yet")
    return found
