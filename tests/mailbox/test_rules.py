"""Each rule is broken by what it forbids and says nothing of what it allows."""

import re
from typing import Final, get_args, get_type_hints

import pytest

from emu.mailbox.course import Course
from emu.mailbox.layout import Head
from emu.mailbox.observation import Ack, Observation
from emu.mailbox.rule import Rule
from emu.mailbox.rules import BY_NAME, RULES
from emu.mailbox.rules.cpu import CPU_RULES
from tests.mailbox.course import (
    APIC_IDS,
    IDLE,
    VECTOR,
    acked,
    arrived,
    asked,
    circled,
    clears,
    ended,
    handed,
    head,
    opened,
    parked,
    raced,
    refused,
    reused,
    said,
    started,
    still,
    stored,
    waited,
    woken,
)

Case = tuple[str, list[Observation], int | None, str]
"""Rule, course of events, whose doing, and what is said of it."""

TEST_TAKEN: Final = stored(1, head(2, 2), head(0, 2), Ack("unknown", "", True))
TEST_ANSWERED: Final = stored(1, head(2, 2), head(0, 2), Ack("unknown", "", False))
UNCACHED: Final = stored(
    1, head(1, 2, VECTOR), head(0, 2, VECTOR), Ack("before", "", True), memory_type="UC-"
)
TAKEN_BACK: Final = stored(0, head(1, 2, VECTOR), head(0, 2, VECTOR))

BROKEN: Final[tuple[Case, ...]] = (
    ("command-by-os", woken(1), 0, "firmware code set Wakeup; only the OS may"),
    ("command-by-os", [*handed(), *woken(1, by=None)], None,
     "the host set Wakeup; only the OS may"),
    ("command-by-os", [*handed(), stored(0, IDLE, head(9, 2))], 0,
     "command 9 means nothing in the dialect acpi"),
    ("ack-by-addressed", [*parked(1), *parked(2), *handed(), *woken(1), *acked(1, by=2)], 2,
     "cpu 2 cleared a command for APIC id 2; that is its VP index, not its APIC id, "
     "and leaves for 0x84028c0"),
    ("vector-before-ack", [*handed(), *woken(1), *acked(1, reading="after")], 1,
     "the command is cleared first and the wakeup vector read after it"),
    ("whole-vector", [*handed(), *woken(1), *acked(1, reading="short")], 1,
     "of the vector 0x84028c0 only 32 bits were read"),
    ("vector-executable", [*handed(), *woken(1), *acked(1, refused="L2 has NX")], 1,
     "the AP cannot execute at 0x84028c0: L2 has NX"),
    ("stored-before-command",
     [*handed(), *woken(1), stored(0, head(1, 2, VECTOR), head(1, 4, VECTOR), offset=4)], 0,
     "apic_id became 0x4 (was 0x2) while a command was pending"),
    ("stored-before-command", [*handed(), stored(0, IDLE, head(1, 2))], 0,
     "a Wakeup was sent without a vector"),
    ("one-command", [*handed(), *woken(1), stored(0, head(1, 2, VECTOR), head(2, 2, VECTOR))],
     0, "Test was sent while Wakeup had not been acknowledged"),
    ("command-answered", [*parked(1), *handed(), *woken(1), TAKEN_BACK], 1,
     "Wakeup for cpu 1 (APIC id 2, woken) was taken back by the OS without an answer"),
    ("command-answered", [*handed(), *ended(2, head(1, 4, VECTOR))], 2,
     "Wakeup for cpu 2 (APIC id 4, never parked) was never answered"),
    ("command-answered", [*handed(), *ended(None, head(1, 5, VECTOR))], None,
     "Wakeup for APIC id 5, which no CPU has, was never answered"),
    ("leaves-on-wakeup", [*parked(1), *handed(), TEST_TAKEN], 1,
     "takes Test for a Wakeup and leaves for 0x0"),
    ("leaves-on-wakeup", [*parked(2), *handed(), clears(2, head(0, 4, VECTOR))], 2,
     "takes Noop for a Wakeup and leaves for 0x84028c0"),
    ("leaves-on-wakeup", [*parked(2), *handed(), arrived(2, "arrived")], 2,
     "has left the mailbox though it held no Wakeup for this CPU"),
    ("own-vector",
     [*parked(1), *handed(), stored(0, IDLE, head(0, 4, 0x5000)), *woken(1),
      clears(1, head(1, 2, VECTOR), 0x5000)], 1,
     "leaves for 0x5000, but its Wakeup came with 0x84028c0"),
    ("withdrawn", [*parked(1), *handed(), *woken(1), TAKEN_BACK, clears(1, head(0, 2, VECTOR))],
     0, "cpu 1 leaves for a Wakeup that cpu 0 took back at tick 1"),
    ("interrupts-off", [arrived(1, "vector", interrupts=True)], 1,
     "interrupts are on (RFLAGS.IF = 1)"),
    ("interrupts-off", [arrived(1, "vector", mode="protected")], 1,
     "the wakeup vector is entered in protected mode"),
    ("halves", [*parked(1), *handed(), stored(1, IDLE, IDLE, offset=0x28, size=8)], 1,
     "firmware stores at 0x28, in the half that is the OS's"),
    ("halves", [*handed(), stored(0, IDLE, IDLE, offset=0x800, size=8)], 0,
     "the OS stores at 0x800, in the firmware's half"),
    ("reserved-clean", handed(reserved=1), 0,
     "the OS gets a mailbox whose reserved word is 0x1"),
    ("reserved-clean", [stored(0, IDLE, head(reserved=7), offset=2)], 0,
     "the reserved word became 0x7"),
    ("mailbox-reserved", handed(mailbox=("no node",)), 0, "no node"),
    ("tables-reserved", handed(tables=("4 table pages", "1 code page")), 0,
     "4 table pages; 1 code page"),
    ("nodes-honoured", handed(ignored=("Linux ignores it", "and that")), 0,
     "Linux ignores it; and that"),
    ("reset-vector", handed(reset=("no code",)), 0, "no code"),
    ("page-reused", reused(0, (1, 2, 3, 4, 5)), 0,
     "page 0x8800000 is written, on which cpu 1, 2, 3, 4, ... still runs"),
    ("one-owner", [*parked(1), *started(0, 1)], 0,
     "cpu 1 is started, but it is parked already"),
    ("second-wake", [*parked(1), *handed(), *woken(1), *acked(1), *woken(1)], 0,
     "Wakeup for cpu 1, which is acked"),
    ("private-stacks", [*parked(1, rsp=0x9000), *parked(2, rsp=0x8F00)], 2,
     "RSP = 0x8f00 lies in the page of cpu 1's stack"),
    ("bounded-wait", waited(0, "record", bounded=False), 0,
     "waits for an AP to arrive without looking at a clock"),
    ("bounded-wait", [*handed(), *waited(0, "mailbox", bounded=False)], 0,
     "waits for an ack without looking at a clock"),
    ("wait-pauses", waited(1, "mailbox", bounded=False, pauses=False), 1,
     "waits in a loop without PAUSE"),
    ("no-secrets", opened(0, 0x8800000, 1, 12), 0,
     "page 0x8800000 opened to the host with 12 bytes of contents"),
    ("no-secrets", asked(1, 0, ("rbx", 0x8800000), ("r13", 7)), 1,
     "TDG.VP.VMCALL RDMSR shows the host RBX = 0x8800000, R13 = 0x7"),
    ("status-checked", [*asked(1, 0xC0000100), *parked(1)], 1,
     "goes on to the mailbox though TDG.VP.VMCALL RDMSR gave 0xc0000100"),
    ("call-mask", asked(1, 0xC000_0100_0000_0001), 1,
     "TDG.VP.VMCALL RDMSR is refused by the TDX module because of its mask, RCX"),
    ("mailbox-view", [*parked(1), *handed(), *woken(1), UNCACHED], 1,
     "the mailbox is WB to cpu 0, which set the command, and UC- to cpu 1, which cleared it"),
    ("mailbox-view", refused(0), 0,
     "the mailbox is used through 0xfffff000: the access is private"),
    ("data-race", raced(1, 2), 1,
     "0x8800000 is touched with nothing that orders it after cpu 2 at work+0x10"),
    ("cpu-fault", still(1, "fault", "#PF: triple fault"), 1,
     "it shut down: #PF: triple fault"),
    ("cpu-stuck", still(0, "loop", "its loop reads nothing"), 0, "its loop reads nothing"),
    ("wait-cycle", circled(0, 2), 0, "cpu 0 waits; cpu 2 waits"),
)  # fmt: skip

WAKE_UP: Final[list[Observation]] = [
    *started(0, 1), *parked(1, rsp=0x9000), *parked(2, rsp=0xA000),
    *waited(0, "record", bounded=True), *waited(1, "mailbox", bounded=False), *handed(),
    *woken(1), *acked(1), arrived(1, "vector"), arrived(1, "arrived"),
    arrived(1, "online"), *woken(2), *acked(2), arrived(2, "vector"),
]  # fmt: skip
"""Two APs are woken as it should be."""
HAND_BACK: Final[list[Observation]] = [
    arrived(1, "left"), *parked(1, rsp=0x9000),
    stored(0, IDLE, head(2, 2)), TEST_ANSWERED, *woken(1), *acked(1), arrived(1, "vector"),
]  # fmt: skip
"""One of them goes offline and comes back."""


@pytest.mark.parametrize(("rule", "seen", "cpu", "text"), BROKEN)
def test_a_rule_says_who_broke_it_and_how(
    rule: str, seen: list[Observation], cpu: int | None, text: str
) -> None:
    assert said(rule, seen) == [(cpu, text)]


def test_every_rule_is_broken_by_something() -> None:
    assert {rule.name for rule in RULES} == {
        *(name for name, *_ in BROKEN), *(rule.name for rule in CPU_RULES),
    }  # fmt: skip


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_a_rule_allows_a_wake_up_and_a_hand_back(rule: str) -> None:
    assert said(rule, WAKE_UP + HAND_BACK) == []


ALLOWED: Final[tuple[tuple[str, list[Observation]], ...]] = (
    ("mailbox-view", [*parked(1), *handed(), *woken(1), *acked(1)]),
    ("no-secrets", opened(0, 0x8800000, 2, 0)),
    ("ack-by-addressed", [*handed(), *woken(1), TAKEN_BACK]),
    ("command-answered", [*handed(), *ended(None, IDLE)]),
    ("stored-before-command", [*handed(), stored(0, IDLE, head(0, 4, VECTOR), offset=4)]),
    ("reserved-clean", [*handed(), stored(0, head(reserved=7), head(1, 2, reserved=7))]),
    ("halves", [stored(0, IDLE, IDLE, offset=0x800, size=8)]),
    ("status-checked", [*asked(1, 0xC0000100), *asked(1, 0), *parked(1)]),
    ("status-checked", [*asked(2, 0xC0000100), *parked(1)]),
    ("call-mask", asked(1, 1 << 63)),
    ("private-stacks", [*parked(1), *parked(2)]),
    ("private-stacks", [*parked(1, rsp=0x9000), *acked(1), *parked(2, rsp=0x9000)]),
    ("second-wake", [*parked(1), *woken(1), *acked(1), *parked(1), *woken(1)]),
    ("bounded-wait", waited(0, "", bounded=False)),
    ("cpu-fault", still(1, "halted", "HLT with interrupts off")),
    ("cpu-stuck", still(1, "halted", "HLT with interrupts off", meant=True)),
    ("cpu-stuck", still(1, "fault", "#PF: triple fault")),
    ("interrupts-off", [arrived(1, "idle", interrupts=True)]),
    ("leaves-on-wakeup", [*parked(1), *handed(), clears(1, head(0, 2, VECTOR), None)]),
    ("leaves-on-wakeup",
     [*parked(1), *handed(), *woken(1), TAKEN_BACK, clears(1, head(0, 2, VECTOR))]),
    ("leaves-on-wakeup",
     [*parked(2), *handed(), clears(2, head(0, 4, VECTOR), None), *woken(2), *acked(2),
      arrived(2, "arrived")]),
    ("ack-by-addressed",
     [*parked(1), *parked(2), *handed(), *woken(1), TAKEN_BACK, *woken(2),
      clears(1, head(1, 4, VECTOR))]),
    ("own-vector", [*parked(1), *handed(), *woken(1), clears(1, head(1, 2, VECTOR), 0x5000)]),
    ("leaves-on-wakeup", [*parked(1), clears(1, head(0, 2, VECTOR), 0x5000)]),
    ("own-vector",
     [*parked(1), *handed(), *woken(1), stored(0, head(1, 2, VECTOR), head(1, 2, 0x5000)),
      clears(1, head(1, 2, 0x5000), VECTOR)]),
    ("withdrawn", [*parked(1), *handed(), *woken(1), TAKEN_BACK]),
    ("withdrawn",
     [*parked(1), *handed(), *woken(1), TAKEN_BACK, *parked(1), *woken(1), *acked(1)]),
)  # fmt: skip
"""What looks like a rule's business and is not, or no longer."""


@pytest.mark.parametrize(("rule", "seen"), ALLOWED)
def test_a_rule_allows_what_only_looks_like_its_business(
    rule: str, seen: list[Observation]
) -> None:
    assert said(rule, seen) == []


def test_a_wake_up_that_is_taken_back_is_told_where_the_host_is_not_trusted() -> None:
    seen = [*parked(1), *handed(), *woken(1), TAKEN_BACK]
    ((cpu, text),) = said("withdrawn", seen, is_td=True)
    assert (cpu, text.partition(":")[0]) == (0, "took back the Wakeup for APIC id 2")


def test_an_ap_that_looked_anew_has_not_seen_what_was_taken_back_before() -> None:
    seen = [*parked(1), *handed(), *woken(1), TAKEN_BACK, *parked(1),
            clears(1, head(0, 2, VECTOR))]  # fmt: skip
    assert said("withdrawn", seen) == []
    assert [cpu for cpu, _ in said("leaves-on-wakeup", seen)] == [1]


def test_who_has_left_on_a_noop_is_told_once() -> None:
    seen = [*parked(2), *handed(), clears(2, head(0, 4, VECTOR)), arrived(2, "arrived")]
    assert len(said("leaves-on-wakeup", seen)) == 1


def test_waiting_for_an_ack_without_a_limit_is_the_safe_side_in_a_trust_domain() -> None:
    rule, course = BY_NAME["bounded-wait"], Course(APIC_IDS, is_td=True)
    for one in handed():
        course.add(one)
    (ack,) = rule.look(waited(0, "mailbox", bounded=False)[0], course)
    (record,) = rule.look(waited(0, "record", bounded=False)[0], course)
    assert (ack.severity, record.severity, rule.severity) == ("hint", None, "warning")


def test_every_rule_follows_from_rules_that_there_are() -> None:
    assert {cause for rule in RULES for cause in rule.follows_from} <= BY_NAME.keys()


def test_every_rule_says_who_says_so_in_public() -> None:
    known = (
        "ACPI 6.6, ", "Linux, ", "SDM ", "TDX ", "TLFS, ", "C17 ", "edk2", "openvmm", "td-shim",
    )  # fmt: skip
    for rule in RULES:
        report = re.match(r"[\w./-]+ #\d+", rule.source)
        assert report or rule.source.startswith(known), rule.name
        assert "facts" not in rule.source, rule.name


def test_a_broadcast_is_for_every_parked_ap_where_the_firmware_knows_it() -> None:
    broadcast = stored(0, IDLE, Head(1, 0, 0xFFFF_FFFE, VECTOR))
    ack = stored(2, broadcast.after, IDLE, Ack("before", "", True))
    seen = [*parked(1), *parked(2), *handed(), broadcast, ack]
    assert said("ack-by-addressed", seen, "edk2") == []
    late = [*seen, clears(1, IDLE), arrived(1, "arrived")]
    assert said("leaves-on-wakeup", late, "edk2") == said("withdrawn", late, "edk2") == []
    assert [cpu for cpu, _ in said("leaves-on-wakeup", late)] == [1]
    assert [cpu for cpu, _ in said("ack-by-addressed", seen)] == [2]


def test_a_command_of_another_firmware_means_something_in_its_dialect() -> None:
    sleep, test = ([*handed(), stored(0, IDLE, head(command, 2))] for command in (3, 2))
    assert said("command-by-os", sleep, "edk2") == said("command-by-os", test, "edk2") == []
    assert len(said("command-by-os", sleep, "acpi")) == 1
    ((_, text),) = said("command-by-os", test, "td-shim")
    assert text == "Test means nothing in the dialect td-shim"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_is_asked_about_what_it_takes_and_nothing_else(rule: Rule) -> None:
    takes = next(iter(get_type_hints(rule.look).values()))
    assert set(get_args(takes) or (takes,)) == set(rule.sees)
