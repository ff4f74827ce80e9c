"""`help WORD`, `?WORD`, `WORD?`: whatever has a table is explained from it."""

import pytest

from emu import Session, open_session
from emu.debug.topics import TOPICS
from emu.errors import CommandError
from emu.mailbox.rules import RULES


@pytest.fixture(scope="module")
def session() -> Session:
    """One that has something of everything."""
    found = open_session(platform="tdx", cpus=2)
    found.do("until mailbox_ack")
    return found


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("step", "Execute COUNT instructions"),
        ("s", "stands for `step`"),
        ("cr0", "31 PG"),  # SDM 3A, 2.5
        ("$rax", "rax of cpu 1 holds 0x"),
        ("RAX", "rax of cpu 1 holds 0x"),
        ("parked", "waits in the mailbox loop"),
        ("wait-for-sipi", "had an INIT"),
        ("nmi", "a non-maskable interrupt arrives"),
        ("late-ipi", "not here: platform tdx"),
        ("own-vector", "An AP reads the vector after it has seen its own Wakeup"),
        ("fault", "`events fault` lists them"),
        ("mailbox_ack", "takes the wake-up"),
        ("tdcall", "`catch tdcall` stops at one"),
        ("woken", "a Wakeup names this AP"),
        ("Wakeup", "command 1 of the mailbox"),  # ACPI 6.6, table 5.45
        ("mailbox.vector", "8 bytes at 0x8"),
        ("#PF", "exception 14 with an error code"),  # SDM 3A, table 6-1
        ("EnableVpVtl", "hypercall 0xf;"),  # TLFS, appendix A
        ("TDG.MEM.PAGE.ACCEPT", "leaf 6 of TDCALL"),  # TDX module, TDG.MEM.PAGE.ACCEPT
        ("X2APIC_ICR", "MSR 0x830"),  # SDM 3A, table 10-6
        ("windbg", "--keys windbg"),
        ("windbg", "next   (with --keys windbg)"),
        ("windbg", "dq [WHERE] [LN]"),
        ("gdb", "si                     step"),
        ("gpa", "The guest's physical memory"),
        ("quit", "Leave; breakpoints"),
        ("wake_aps", "shim/kernel/smp.c:"),
        ("g", "with --keys windbg: g [WHERE]: stands for `run, until WHERE`"),
    ],
)
def test_a_word_is_explained_wherever_it_has_a_table(
    session: Session, word: str, says: str
) -> None:
    for asked in (f"help {word}", f"?{word}", f"{word}?"):
        assert any(says in line for line in session.do(asked).reply), word


def test_every_word_of_every_table_is_explained(session: Session) -> None:
    for topic in TOPICS:
        for word in list(topic.words(session.desk))[:400]:
            assert topic.lines(session.desk, word), word


def test_every_rule_says_its_source_when_asked(session: Session) -> None:
    for rule in RULES:
        assert any(rule.source in line for line in session.do(f"?{rule.name}").reply)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("apic id", "need not be the CPU"), ("APIC ID", "need not be the CPU"),
        ("reset vector", "0xFFFFFFF0, 16 bytes below 4 GiB"), ("tick", "it is tick "),
        ("waits for", "a column of a panel"), ("wake_aps+0x3c", "`list wake_aps`"),
        ("mailbox.command", ", now 0x1"), ("seed", "of this machine: 0"),
        ("cr0.pg", "cr0 of cpu 1 holds 0x80010031: PG is 1"), ("PARKED", "of 2 CPUs now"),
        ("ack", "in this image: mailbox_ack"),
        ("cpus", "waits in the mailbox loop for a wake-up"), ("M", "a letter of the timeline"),
    ],
)  # fmt: skip
def test_terms_of_several_words_and_what_is_live_are_told(
    session: Session, word: str, says: str
) -> None:
    assert any(says in line for line in session.do(f"help {word}").reply), word


def test_help_alone_lists_all_that_is_explained(session: Session) -> None:
    said = "\n".join(session.do("help").reply)
    for word in ("paravisor", "parked", "wake_aps", "waits for", "virtual time", "gpa"):
        assert word in said, word


def test_a_chinese_locale_is_told_in_chinese(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGUAGE", "zh_CN")
    said = session.do("help SIPI").reply
    assert said[0] == "SIPI: 领域术语" and any(
        line.startswith("  出处: SDM 3") for line in said
    )
    assert session.do("help step").reply[0].startswith("step ")


def test_what_a_front_end_explains_is_told_as_well(session: Session) -> None:
    session.looks.explained["greenroom"] = ("a panel for tests",)
    assert session.do("?greenroom").reply == ("a panel for tests",)


@pytest.mark.parametrize(
    ("word", "says"),
    [("brek", "did you mean 'break'"), ("xyzzy", "`help` has a list"), ("parkd", "'parked'"),
     ("mailbox_akc", "did you mean 'mailbox_ack'")],
)  # fmt: skip
def test_what_nobody_explains_is_said_with_the_nearest_word(
    session: Session, word: str, says: str
) -> None:
    with pytest.raises(CommandError, match=f"no explanation of '{word}'.*{says}"):
        session.do(f"?{word}")


def test_an_injection_that_another_platform_has_says_why_it_is_not_here(
    session: Session,
) -> None:
    said = session.do("help inject late-ipi").reply
    assert "without INIT and SIPI" in said[0] and said[1].startswith("inject late-ipi")
