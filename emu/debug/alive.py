"""What a long run is doing, for whoever waits for its end."""

from emu.machine.machine import Machine


def alive_words(machine: Machine) -> str:
    """`still running: 12,345,678 instructions, 3.217 ms; cpu 2 at poll+0x3; last: ...`."""
    board, events = machine.board, machine.board.logs.events
    parts = [f"{board.tick:,} instructions, {board.now_ps() / 1e9:,.3f} ms of virtual time"]
    cpu = None if board.at_work is None else board.cpus[board.at_work]
    if cpu is not None and cpu.context is not None:
        parts.append(f"cpu {cpu.id} at {board.place(cpu)}")
    if events.now:
        first, end = events.fold(events.folds(events.now) - 1)
        count, event = min(end, events.now) - first, events.at(first)
        often = f", {count:,} times" if count > 1 else ""
        who = "" if event.cpu is None else f"cpu {event.cpu}: "
        parts.append(f"last: {who}{event.text}{often} (tick {event.tick:,})")
    return f"still running: {'; '.join(parts)}"
