"""What the course of a boot up to now has for lessons: stores, rules that were broken, and what
people did to it."""

from collections.abc import Iterator

from emu.machine.event import Event, MailboxWrite
from emu.mailbox.ap import ApState
from emu.mailbox.rule import Finding, each
from emu.tour.scene import Scene


def stores(seen: Scene) -> Iterator[tuple[Event, MailboxWrite]]:
    """The changes of the mailbox's fields, the newest first."""
    for event in reversed(seen.machine.board.logs.events):
        if isinstance(event.detail, MailboxWrite):
            yield event, event.detail


def last_field(seen: Scene) -> str:
    """The field of the mailbox that was changed last; empty: none was."""
    return next((store.field for _, store in stores(seen)), "")


def step_of(seen: Scene, cpu: int) -> ApState:
    """How far an AP is in the protocol."""
    return seen.machine.board.aps.of(cpu)


def broken(seen: Scene, rule: str) -> tuple[Finding, ...]:
    """The findings of a rule up to now, also those that follow from others."""
    return tuple(one for one in each(seen.findings) if one.rule == rule)


def entered(seen: Scene, words: str) -> tuple[str, ...]:
    """What people did to this branch up to now that begins with these words, without them."""
    timeline = seen.session.timeline
    done = timeline.branch.entries[: timeline.driver.done]
    return tuple(
        one.text.removeprefix(words).strip()
        for one in done
        if f"{one.text} ".startswith(f"{words} ")
    )


def ended_after(seen: Scene, words: str) -> bool:
    """Whether the boot has ended, and people did to it what begins with these words."""
    return bool(seen.outcome and entered(seen, words))
