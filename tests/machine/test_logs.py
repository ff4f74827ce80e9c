"""All logs of a machine go back together, and say the same when they are retraced."""

from emu.machine import snapshot
from emu.machine.event import Event, MailboxWrite
from emu.machine.logs import Logs
from emu.timeline.moment import Moment
from emu.timeline.timeline import Timeline
from emu.vmm.asked import Cpuid, Hlt, PortOut
from tests.guest import FOREVER, Guest

SOURCE = """
cpu0: mov ebx, {MAILBOX}
    xor ecx, ecx
    mov eax, 1
    cpuid
    mov eax, 0x3f8
    mov edx, eax
    mov al, 'h'
    out dx, al
    mov al, 10
    out dx, al
    mov dword ptr [{MAILBOX} + 4], 5
    hlt
cpu1: mov ebx, {MAILBOX}
1:  pause
    cmp dword ptr [rbx + 4], 5
    jne 1b
    hlt
"""


def said(logs: Logs) -> tuple[list[object], ...]:
    """All that they have told."""
    lanes = [logs.lanes.cpu_at(tick) for tick in range(1, 60)]
    return list(logs.events), list(logs.exits), list(logs.turns), list(logs.observed), lanes


def ran() -> Timeline:
    """A machine that has come to its end."""
    timeline = Guest(SOURCE, 2, "sipi", mailbox=True).timeline()
    timeline.driver.drive(FOREVER)
    return timeline


def test_what_happened_is_told_as_values() -> None:
    logs = ran().machine.board.logs
    (write,) = [one for one in logs.events if one.kind == "mailbox"]
    assert write == Event(
        write.tick, write.virtual_ns, 0, "mailbox", "mailbox apic_id = 5",
        MailboxWrite("apic_id", 0, 5, write.detail.symbol),
    )  # fmt: skip
    assert [one.text for one in logs.events if one.kind == "serial"] == ["h"]
    asked = [one.detail for one in logs.exits if one.cpu == 0]
    assert asked[0] == Cpuid(2, 1, 0) and asked[-1] == Hlt(1)
    assert [one.value for one in asked if isinstance(one, PortOut)] == [ord("h"), 10]
    assert all(one.kind == "exit" and one.text for one in logs.exits)
    assert [turn.activity for turn in logs.turns if turn.cpu == 1][-3:] == [
        "waiting", "running", "halted"
    ]  # fmt: skip


def test_going_back_and_forward_says_the_same_again() -> None:
    timeline = ran()
    logs, end = timeline.machine.board.logs, timeline.now
    whole, counts = said(logs), logs.counts()
    for tick in (0, 5, 9, 12):
        timeline.goto(Moment(tick))
        assert logs.counts() <= counts and len(logs.events) < counts[0]
        assert len(logs.events.known) == counts[0]
        timeline.goto(end)
        assert logs.counts() == counts and said(logs) == whole


def test_a_copy_has_no_future_and_a_snapshot_only_counts() -> None:
    timeline = ran()
    logs = timeline.machine.board.logs
    timeline.goto(Moment(9))
    copy = logs.copy()
    assert copy.counts() == logs.counts() == snapshot.take(timeline.machine, None).logs
    assert len(copy.events.known) == len(copy.events) < len(logs.events.known)
    logs.back_to((0, 0, 0, 0, 0, 0))
    assert logs.counts() == (0, 0, 0, 0, 0, 0) and copy.counts() != logs.counts()
