"""How far ahead the instructions of a lap may be looked at before the first of them has run."""

import pytest

from emu.machine.ahead import straight
from emu.machine.wait import HITS, Suspicion

CMP_MEMORY = bytes.fromhex("48398338010000")  # cmp [rbx+0x138], rax
ADD = bytes.fromhex("4883c001")  # add rax, 1
JNE = bytes.fromhex("75f0")  # jne


def _mnemonics(code: bytes) -> list[str]:
    return [one.mnemonic for one in straight(code, 0x1000, "long")]


def test_up_to_a_branch_all_is_certain() -> None:
    assert _mnemonics(ADD + CMP_MEMORY + JNE + ADD) == ["add", "cmp", "jne"]
    assert [one.address for one in straight(ADD + ADD + JNE, 0x1000, "long")] == [
        0x1000, 0x1004, 0x1008,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "last",
    [
        "f390",  # pause: the exit may let others run
        "0f31",  # rdtsc
        "488903",  # mov [rbx], rax: others would see it
        "0f22d8",  # mov cr3, rax: addresses mean something else
        "8ed8",  # mov ds, eax
        "fa",  # cli
        "f348ab",  # rep stosq
        "0f01d9",  # vmmcall
        "50",  # push rax
    ],
)
def test_behind_what_does_more_than_set_registers_nothing_is(last: str) -> None:
    assert len(straight(bytes.fromhex(last) + ADD, 0x1000, "long")) == 1


def test_an_address_that_is_still_to_be_computed_ends_it() -> None:
    add_rbx = bytes.fromhex("4883c301")
    assert _mnemonics(add_rbx + CMP_MEMORY) == ["add"]
    assert _mnemonics(CMP_MEMORY + add_rbx) == ["cmp", "add"]


def test_what_cannot_be_decoded_is_not_part_of_it() -> None:
    assert straight(b"", 0x1000, "long") == ()
    assert _mnemonics(ADD + b"\x06") == ["add"]
    assert _mnemonics(ADD + CMP_MEMORY[:3]) == ["add"]


def test_only_the_first_may_repeat() -> None:
    assert _mnemonics(ADD + bytes.fromhex("f348ab")) == ["add"]


def test_what_others_found_out_puts_a_trace_off() -> None:
    new = Suspicion()
    assert [new.hit(7, 5) for _ in range(6)] == [False] * 4 + [True] * 2
    assert [Suspicion().hit(7, 0), HITS] == [False, 2]
