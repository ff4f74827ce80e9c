"""What can follow what in a few instructions, by the addresses at which they lie."""

from typing import Final

from emu.boot.disasm import Instruction, decode
from emu.boot.flow import Flow, flow

CODE: Final = bytes.fromhex(
    "90"  # 0: nop
    "7405"  # 1: je 8
    "90"  # 3: nop
    "ebfa"  # 4: jmp 0
    "9090"  # 6: nop; nop
    "7502"  # 8: jne 12
    "ebf8"  # 10: jmp 4
    "ffe0"  # 12: jmp rax
)


def at(place: int) -> Instruction | None:
    return decode(CODE[place : place + 15], place, "long") if place < len(CODE) else None


def graph() -> Flow:
    return flow(at, (0,), 64)


def test_only_what_can_be_reached_is_decoded() -> None:
    assert sorted(graph().codes) == [0, 1, 3, 4, 8, 10, 12]


def test_a_branch_goes_on_at_two_places() -> None:
    assert graph().after() == {
        0: [1], 1: [3, 8], 3: [4], 4: [0], 8: [10, 12], 10: [4],
    }  # fmt: skip


def test_who_leads_to_a_place_and_who_is_reached_from_it() -> None:
    found = graph()
    assert found.leading_to(12) == {0, 1, 3, 4, 8, 10}
    assert found.leading_to(0) == {0, 1, 3, 4, 8, 10}
    assert found.reached_from(12) == set()
    assert found.reached_from(8) == {0, 1, 3, 4, 8, 10, 12}


def test_the_shortest_way_is_taken() -> None:
    found = graph()
    assert found.way(0, 12) == [0, 1, 8, 12]
    assert found.way(10, 3) == [10, 4, 0, 1, 3]
    assert found.way(12, 0) == []
    assert found.way(8, 8) == [8]


def test_decoding_stops_at_a_place_and_at_a_number() -> None:
    assert sorted(flow(at, (0,), 64, stop=8).codes) == [0, 1, 3, 4]
    assert sorted(flow(at, (0,), 2).codes) == [0, 1]
