"""The state machine of an AP: whatever comes, only the steps that the protocol has."""

import random
from typing import Final, get_args

import pytest

from emu.boot.roles import ROLES
from emu.mailbox.ap import BY_ROLE, Aps, ApState
from emu.mailbox.layout import Head

APIC_IDS: Final = (0, 2, 4, 6)
IDLE: Final = Head(0, 0, 0, 0)
ALLOWED: Final[dict[str, frozenset[tuple[str, str]]]] = {
    "reached": frozenset(
        (old, new)
        for old in get_args(ApState)
        for new in ("parked", "arrived", "online", "left", "gave-up")
        if (old, new) != ("online", "gave-up")
    ),
    "woken": frozenset((old, "woken") for old in ("starting", "parked", "acked", "left")),
    "cleared": frozenset((old, "acked") for old in ("starting", "parked", "woken", "left")),
    "waited": frozenset(
        (old, "parked") for old in ("starting", "acked", "left", "arrived", "online")
    ),
    "started": frozenset((old, "starting") for old in get_args(ApState)),
}
"""What is done to an AP -> the steps from one state to another that may come of it."""


def wakeup(apic_id: int) -> Head:
    """The mailbox with a Wakeup in it."""
    return Head(1, 0, apic_id, 0x1000)


def act(aps: Aps, what: str, cpu: int, role: str, by: int | None) -> tuple[int, ...]:
    """Do one thing to a CPU; those whose state is another."""
    match what:
        case "reached":
            return aps.reached(cpu, role)
        case "woken":
            return aps.commanded(by, IDLE, wakeup(APIC_IDS[cpu]))
        case "cleared":
            return aps.commanded(cpu, wakeup(APIC_IDS[by or 0]), IDLE)
        case "waited":
            return aps.waited(cpu, 0x1000 * cpu)
    return aps.started(cpu)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_comes_only_allowed_steps_are_taken(seed: int) -> None:
    dice, aps = random.Random(seed), Aps(APIC_IDS)
    for _ in range(500):
        before = [aps.of(cpu) for cpu in range(4)]
        what, cpu = dice.choice(list(ALLOWED)), dice.randrange(4)
        moved = act(aps, what, cpu, dice.choice(list(ROLES)), dice.choice((None, 0, 1, 3)))
        after = [aps.of(cpu) for cpu in range(4)]
        changed = [one for one in range(4) if before[one] != after[one]]
        assert sorted(moved) == changed
        assert set(changed) <= {cpu}
        for one in changed:
            assert (before[one], after[one]) in ALLOWED[what], what
        assert after[0] in ("starting", "online", "gave-up")


def test_every_role_of_the_mailbox_is_one_of_the_images() -> None:
    assert set(BY_ROLE) <= set(ROLES)


def test_a_broadcast_wakes_those_that_listen() -> None:
    aps = Aps(APIC_IDS)
    for cpu, role in ((1, "parked"), (2, "parked"), (3, "online")):
        aps.reached(cpu, role)
    assert aps.commanded(0, IDLE, wakeup(0xFFFF_FFFE)) == (1, 2)
    assert [aps.of(cpu) for cpu in range(4)] == ["starting", "woken", "woken", "online"]


def test_another_commands_end_is_no_ack() -> None:
    aps = Aps(APIC_IDS)
    aps.reached(1, "parked")
    assert not aps.commanded(1, Head(2, 0, 2, 0), IDLE)
    assert not aps.commanded(None, wakeup(2), IDLE)
    assert aps.of(1) == "parked"


def test_the_os_waits_at_the_mailbox_too_but_not_in_the_firmware_s_loop() -> None:
    aps = Aps(APIC_IDS)
    aps.waited(1, 0x1000)
    aps.reached(1, "arrived")
    assert not aps.waited(1, 0x2000)
    assert aps.waited(1, 0x1000) == (1,)
    assert aps.of(1) == "parked"
