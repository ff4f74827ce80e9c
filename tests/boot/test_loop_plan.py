"""A plan for CPUs that wait in a mailbox loop is read as it is written, and else refused."""

import struct

import pytest

from emu.boot.loop_plan import Step, moves, packed, steps_of
from emu.errors import PlatformError

WAKE, TEST, SEND, BACK, MOVE, PATIENCE = range(1, 7)
EVERYONE = 0xFFFFFFFF


def steps(text: str, cpus: int = 3, dialect: str = "", back: bool = False) -> list[Step]:
    return list(steps_of(text, cpus, back=back, dialect=dialect))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("wake 1", [Step(WAKE, 1)]),
        ("wake all, test 2", [Step(WAKE, 1), Step(WAKE, 2), Step(TEST, 2)]),
        (" back all ", [Step(BACK, 1), Step(BACK, 2)]),
        ("wake broadcast", [Step(WAKE, EVERYONE)]),
        ("sleep 2", [Step(SEND, 2, 3)]),
        ("send 0x5 1 0x8000", [Step(SEND, 1, 5, 0x8000)]),
        ("send 4 broadcast", [Step(SEND, EVERYONE, 4)]),
        ("move", [Step(MOVE, EVERYONE)]),
        ("move 0x8900000", [Step(MOVE, EVERYONE, 0, 0x8900000)]),
        ("patience ever, patience 200", [Step(PATIENCE, 0, 0), Step(PATIENCE, 0, 200)]),
        ("usual", [Step(WAKE, 1), Step(WAKE, 2)]),
    ],
)
def test_each_step_is_what_it_says(text: str, expected: list[Step]) -> None:
    assert steps(text) == expected


def test_the_usual_course_comes_back_where_there_is_a_way() -> None:
    """The course of docs/mailbox_orders.md: wake, come back, Test, wake again."""
    kinds = [one.kind for one in steps("usual", 2, back=True)]
    assert kinds == [WAKE, BACK, TEST, WAKE]


def test_sleep_has_the_number_of_the_firmware() -> None:
    """td-shim, td-shim/src/bin/td-shim/asm/ap_loop.asm: Sleep is 2; EDK2 with Test: 3."""
    assert [steps("sleep 1", dialect=one)[0].value for one in ("td-shim", "edk2")] == [2, 3]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "wak 1",
            "--loop-plan, step 1: 'wak' is no step: wake, test, sleep, back, send, move, ",
        ),
        ("wake 1,", "step 2: "),
        ("wake 1, test", "step 2: it is written test CPU|all|broadcast"),
        ("wake 3", "step 1: '3' is no CPU that waits: 1 to 2, all or broadcast"),
        ("wake 0", "step 1: '0' is no CPU that waits"),
        ("back broadcast", "step 1: 'broadcast' is no CPU that waits: 1 to 2, all"),
        ("send x 1", "step 1: a command is a number up to 0xffff, not 'x'"),
        ("send 0x10000 1", "a command is a number up to 0xffff"),
        ("move nowhere", "step 1: an address is a number"),
        ("patience never", "step 1: a time is a number"),
    ],
)
def test_what_is_no_plan_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(PlatformError) as told:
        steps(text)
    assert sentence in str(told.value) and "\n" not in str(told.value)


def test_too_long_a_plan_is_refused() -> None:
    with pytest.raises(PlatformError, match=r"more than 65,536 steps"):
        steps(", ".join(["wake all"] * 40), cpus=2048)


def test_the_guest_s_layout() -> None:
    """`struct plan` of shim/os/plan.h."""
    made = packed((Step(SEND, 2, 3, 4),), 0x1000, 0x2000, True)
    assert struct.unpack("<IIQQIIQQ", made) == (1, 1, 0x1000, 0x2000, SEND, 2, 3, 4)
    assert moves((Step(MOVE, EVERYONE),)) and not moves((Step(WAKE, 1),))
