"""A store to the mailbox is one event for every field that has another value."""

import pytest

from emu.machine.event import MailboxWrite
from emu.machine.mailbox_events import MailboxEvents
from emu.timeline.driver import Driver
from tests.guest import MAILBOX, Guest, finish

PARTS = {
    "command": "mov word ptr [rbx], 1",
    "vector": "mov ecx, 0x1234\n mov [rbx + 8], rcx",
    "half a vector": "mov dword ptr [rbx + 12], 1",
    "command and id": "movabs rcx, 0x700000001\n mov [rbx], rcx",
    "beside": "mov dword ptr [rbx + 0x20], 7\n mov dword ptr [rbx + 0x900], 7",
    "the same": "mov dword ptr [rbx], 0",
}
FIELDS = {
    "command": [("command", 0, 1)], "vector": [("vector", 0, 0x1234)],
    "half a vector": [("vector", 0, 1 << 32)],
    "command and id": [("command", 0, 1), ("apic_id", 0, 7)], "beside": [], "the same": [],
}  # fmt: skip


def told(driver: Driver) -> list[tuple[str, int, int]]:
    """The fields of all events."""
    found = [one.detail for one in driver.machine.board.logs.events if one.kind == "mailbox"]
    assert all(isinstance(one, MailboxWrite) for one in found)
    return [(one.field, one.old, one.new) for one in found if isinstance(one, MailboxWrite)]


@pytest.mark.parametrize("name", PARTS)
def test_each_field_that_changes_is_told_with_what_it_was(name: str) -> None:
    driver = Guest(
        f"start: mov ebx, {{MAILBOX}}\n{PARTS[name]}\n hlt", 1, mailbox=True
    ).driver()
    assert isinstance(driver.machine.tracked.listeners[0], MailboxEvents)
    finish(driver)
    assert told(driver) == FIELDS[name]


def test_where_the_writer_was_is_told_and_the_host_by_its_name() -> None:
    driver = Guest(
        "start: nop\nhere: mov word ptr [{MAILBOX}], 1\n hlt", 1, mailbox=True
    ).driver()
    finish(driver)
    driver.machine.stores.host_write(MAILBOX + 4, b"\x09")
    one, halt, two = driver.machine.board.logs.events
    assert isinstance(one.detail, MailboxWrite) and isinstance(two.detail, MailboxWrite)
    assert (one.cpu, one.detail.symbol) == (0, "here")
    assert (two.cpu, two.detail.symbol, two.detail.new) == (None, "host", 9)
    assert one.text == "mailbox command = Wakeup (was Noop)" and "halts" in halt.text


def test_without_a_mailbox_nothing_is_told() -> None:
    driver = Guest("start: mov word ptr [{MAILBOX}], 1\n hlt", 1).driver()
    finish(driver)
    assert told(driver) == []
