"""Words that nobody means are refused in one sentence, at once, and change nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu import open_session
from emu.debug import language
from emu.debug.session import Session
from emu.errors import ApdbgError, CommandError
from tests.shard import breadth

SMALL = (
    "goto #²", "schedule random ²", "watch cpu²:rax", "set cpu²:rax=1", "until main.c:²",
    "break 0xffffffffffffffffffffffff", "break 0x1_0000_0000_0000_0000",
    "walk 0xffffffffffffffffff", "mem 0xffffffffffffffffff", "list 0xffffffffffffffffff",
    "print 0x1_0000_0000_0000_0000", "watch gpa:0xffffffffffffffffff/8", "save a\0b",
    "set gpa:0x8000000/8=0x1_0000_0000_0000_0000", "print 0x" + "f" * 5_000,
    "inject nmi 0x" + "f" * 5_000, "break \x1b]0;x\x07", "find gpa:0xffffffffffffffffff 00",
)  # fmt: skip
"""The smallest inputs of what was once a traceback, a hang or a wrong number."""


@pytest.fixture(scope="module")
def session() -> Session:
    return open_session(platform="none", cpus=2)


@pytest.mark.parametrize("words", SMALL, ids=lambda words: words[:30])
def test_it_is_refused_in_a_sentence(session: Session, words: str) -> None:
    before = session.digest()
    with pytest.raises(CommandError) as found:
        session.do(words)
    assert len(str(found.value)) < 250
    assert session.digest() == before and session.stop_words() == []


WORDS = st.sampled_from(sorted(language.BY_WORD))
ODD = st.one_of(
    st.text(max_size=6), st.integers(-(1 << 90), 1 << 90).map(str),
    st.integers(0, 1 << 90).map(hex),
    st.sampled_from(
        ["²", "٣", "cpu²", "cpu1:", "gpa:", "hpa:-1", "#", "50%", "1e9", "0x", "/", "at", "if",
         "[rip", "rax==", "((((", "~", "main.c:", ":1", "+", "mailbox.", "pte:", "npt:0"]
    ),
)  # fmt: skip
KEPT = (
    "run",
    "step",
    "next",
    "until",
    "finish",
    "save",
    "export",
    "reset",
    "schedules",
    "continue",
)
"""Commands that run for long or write: others' tests have them."""


@settings(max_examples=150, deadline=None)
@given(word=WORDS, rest=st.lists(ODD, max_size=4))
def test_any_words_are_an_answer_or_a_sentence(
    session: Session, word: str, rest: list[str]
) -> None:
    if language.BY_WORD[word].word in KEPT or "reverse" in word:
        return
    try:
        session.begin(" ".join([word, *rest]))
        session.pause()
    except ApdbgError as error:
        assert len(str(error)) < 500


@pytest.mark.parametrize("space", ["gpa", "gva"])
def test_bytes_are_found_across_pages_and_the_rest_is_looked_through_once(
    session: Session, space: str
) -> None:
    here = 0x800_0000
    session.do(f"set gpa:{here + 0x4_0FFC:#x}/4=0x44332211")
    session.do(f"set gpa:{here + 0x4_1000:#x}/4=0x88776655")
    (found,) = session.do(f"find gpa:{here:#x} 11 22 33 44 55 66 77 88").reply
    assert found.startswith(f"11 22 33 44 55 66 77 88 is at gpa:{here + 0x4_0FFC:#x}")
    (found,) = session.do(f"find {space}:{here:#x} 0x123456789abcdef1").reply
    assert "is nowhere" in found


PASSED_CHECKPOINTS = (
    "goto 2518", "set cpu0:rbx=607", "step 10", "goto 831", "step 23", "run 3000", "goto 2349",
    "goto 88900", "goto 4912", "step 17", "goto 61214", "goto 145576", "reverse-step",
    "goto 85638",
)  # fmt: skip
"""Fourteen ordinary words that once ended in an assertion about checkpoints."""


@pytest.mark.parametrize("cpus", breadth((1, 2, 4), keep=1))
def test_going_here_and_there_passes_every_checkpoint(cpus: int) -> None:
    session = open_session(platform="tdx", cpus=cpus)
    for words in PASSED_CHECKPOINTS:
        wanted = int(words.partition(" ")[2]) if words.startswith("goto") else None
        try:
            view = session.do(words)
        except CommandError:
            continue
        assert wanted is None or view.tick == wanted or view.outcome is not None
