"""Each rule about CPUs is broken by what it forbids and says nothing of what it allows."""

from typing import Final

import pytest

from emu.mailbox.observation import (
    CellReused,
    ClocksApart,
    Ignored,
    Observation,
    Shared,
    SharedWhat,
    StartPageWritten,
    Unreturned,
)
from emu.mailbox.rules import RULES
from emu.mailbox.rules.cpu import CPU_RULES
from tests.mailbox import test_rules
from tests.mailbox.course import (
    IDLE,
    VECTOR,
    acked,
    arrived,
    asked,
    handed,
    head,
    parked,
    said,
    started,
    stored,
    waited,
    woken,
)

Case = tuple[str, list[Observation], int | None, str]
"""Rule, course of events, whose doing, and what is said of it."""
ONLINE: Final = [*handed(), *woken(1), *acked(1), arrived(1, "arrived"), arrived(1, "online")]
LEFT: Final = [*parked(1), *ONLINE, arrived(1, "left")]
"""CPU 1 is online, and given back."""
ASKED: Final = stored(0, IDLE, head(2, 2))
TESTED: Final = [ASKED, stored(1, head(2, 2), head(0, 2))]
TAKEN_BACK: Final = [ASKED, stored(0, head(2, 2), head(0, 2))]


def shared(cpu: int, what: SharedWhat, value: int, other: int) -> list[Observation]:
    """Two CPUs have what is to be one's."""
    return [Shared(1, 1, cpu, 0x1000, what, value, other)]


def apart(cpu: int, other: int, ahead_ns: int) -> list[Observation]:
    """Two clocks disagree."""
    return [ClocksApart(1, 1, cpu, 0x1000, other, ahead_ns, 1_000)]


def unreturned(cpu: int) -> list[Observation]:
    """A CPU halts in a handler."""
    return [Unreturned(1, 1, cpu, 0x1000, "#UD: ud2", "work+0x10")]


BROKEN: Final[tuple[Case, ...]] = (
    ("left-without-test", [*LEFT, *parked(1), *woken(1)], 0,
     "Wakeup for cpu 1, which left the OS and answered no Test since"),
    ("left-without-test", [*LEFT, *woken(1)], 0,
     "Wakeup for cpu 1, which left the OS and answered no Test since"),
    ("left-without-test", [*LEFT, *TAKEN_BACK, *woken(1)], 0,
     "Wakeup for cpu 1, which left the OS and answered no Test since"),
    ("left-without-test",
     [*LEFT, *TESTED, *woken(1), *acked(1), arrived(1, "arrived"), arrived(1, "left"),
      *woken(1)], 0, "Wakeup for cpu 1, which left the OS and answered no Test since"),
    ("start-page-written", [StartPageWritten(1, 1, 0, 0x1000, 0x9E000, (1, 2, 3, 4, 5))], 0,
     "page 0x9e000 is written, in which cpu 1, 2, 3, 4, ... still begins"),
    ("cell-reused", [CellReused(1, 1, 2, 0x1000, 0, 0x9FF8, 0x1000, 0x2000)], 2,
     "is about to load 0x2000 from 0x9ff8, where 0x1000 stood when cpu 0 had it begin"),
    ("cell-reused", [CellReused(1, 1, 2, 0x1000, None, 0x9FF8, 0x1000, 0x2000)], 2,
     "is about to load 0x2000 from 0x9ff8, where 0x1000 stood when the host had it begin"),
    ("id-shared", shared(2, "APIC id", 1, 1), 2, "is told the APIC id 1, as cpu 1 was"),
    ("stack-shared", shared(2, "stack", 0x9FF0, 1), 2,
     "RSP = 0x9ff0 is on the stack that cpu 1 uses"),
    ("beyond-stack", shared(2, "stack-below", 0x9FF0, 1), 2,
     "its stack has grown down to RSP = 0x9ff0, in what cpu 1 uses of its stack"),
    ("base-shared", shared(2, "GS base", 0x8000, 0), 2, "GS base = 0x8000 is cpu 0's too"),
    ("base-shared", shared(2, "FS base", 0x8000, 0), 2, "FS base = 0x8000 is cpu 0's too"),
    ("tss-shared", shared(2, "TSS", 0x8000, 1), 2, "the TSS at 0x8000 is cpu 1's too"),
    ("exception-online", [*parked(1), *ONLINE, *unreturned(1)], 1,
     "took #UD: ud2 when it was online, and rests in the handler, at work+0x10"),
    ("exception-online", [*handed(), *unreturned(0)], 0,
     "took #UD: ud2 when it ran the OS, and rests in the handler, at work+0x10"),
    ("status-ignored", [Ignored(1, 1, 0, 0x1000, "hypercall EnableVpVtl", 6)], 0,
     "hypercall EnableVpVtl gave 0x6, and nothing looks at it"),
    ("parked-call", [*parked(1), *asked(1, 0xC0000704)], 1,
     "waits at the mailbox, asks for TDG.VP.VMCALL RDMSR and gets 0xc0000704"),
    ("wrong-code", [*started(0, 1), arrived(0, "parked")], 0,
     "boots the machine, and waits as an AP does"),
    ("wrong-code", [*handed(), arrived(0, "arrived")], 0,
     "boots the machine, and comes to where the OS expects its APs"),
    ("wrong-code",
     [*started(0, 1), *waited(1, "mailbox", False), *waited(0, "mailbox", False)], 0,
     "boots the machine, and waits in the loop of its APs"),
    ("wrong-code", [*started(0, 1), arrived(1, "os-entry")], 1,
     "was started by another CPU, and enters the OS where it begins"),
    ("wrong-code", [*started(2, 0), arrived(0, "waking")], 0,
     "was started by another CPU, and wakes the others"),
    ("clocks-apart", apart(2, 0, 50_000), 2,
     "its clock is 50,000 ns ahead of cpu 0's, which is more than 1,000 ns"),
    ("clocks-apart", apart(2, 0, -50_000), 2,
     "its clock is 50,000 ns behind cpu 0's, which is more than 1,000 ns"),
)  # fmt: skip


@pytest.mark.parametrize(("rule", "seen", "cpu", "text"), BROKEN)
def test_a_rule_says_who_broke_it_and_how(
    rule: str, seen: list[Observation], cpu: int | None, text: str
) -> None:
    assert said(rule, seen) == [(cpu, text)]


def test_every_rule_about_cpus_is_broken_by_something() -> None:
    broken = {name for name, *_ in BROKEN} | {name for name, *_ in test_rules.BROKEN}
    assert {rule.name for rule in CPU_RULES} <= broken
    assert {rule.name for rule in CPU_RULES} <= {rule.name for rule in RULES}


ALLOWED: Final[tuple[tuple[str, list[Observation]], ...]] = (
    ("left-without-test", [*LEFT, *TESTED, *woken(1)]),
    ("left-without-test", [*LEFT, *parked(1), *TESTED, *woken(1)]),
    # Where no place says that it left, its answer comes before it is seen to wait.
    ("left-without-test",
     [*parked(1), *ONLINE, *TESTED, *waited(1, "mailbox", False), *woken(1)]),
    ("left-without-test", [*LEFT, *started(0, 1), *parked(1), *woken(1)]),
    ("left-without-test", [*parked(1), *parked(2), *handed(), *woken(1), *woken(2)]),
    ("stack-shared", shared(2, "stack-below", 0x9FF0, 1)),
    ("base-shared", shared(2, "TSS", 0x9FF0, 1)),
    ("tss-shared", shared(2, "GS base", 0x9FF0, 1)),
    ("exception-online", unreturned(0)),
    ("exception-online", [*parked(1), *handed(), *unreturned(1)]),
    ("parked-call", [*parked(1), *asked(1, 0), *ONLINE, *asked(1, 6), *asked(0, 6)]),
    ("parked-call", [*asked(1, 6), *parked(1)]),
    ("wrong-code", [*started(0, 1), *parked(1), *handed(), arrived(0, "waking"), *ONLINE]),
    # One that was started itself may start others, and waits like the rest.
    ("wrong-code", [*started(0, 1), *started(1, 2), *parked(1), *parked(2)]),
    # The OS's own wait for an ack is no AP's loop.
    ("wrong-code", [*started(0, 1), *handed(), *waited(0, "mailbox", True)]),
    # Nobody was started: these CPUs ran from the beginning.
    ("wrong-code", [*parked(0), *parked(1), arrived(1, "arrived")]),
    ("wrong-code", [*woken(1), stored(1, head(1, 2, VECTOR), IDLE), arrived(1, "vector")]),
)  # fmt: skip
"""What looks like a rule's business and is not."""


@pytest.mark.parametrize(("rule", "seen"), ALLOWED)
def test_a_rule_allows_what_only_looks_like_its_business(
    rule: str, seen: list[Observation]
) -> None:
    assert said(rule, seen) == []
