"""What many CPUs have alike is told once, and nothing is lost by that."""

from pathlib import Path
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from emu import open_session
from emu.debug import report
from emu.judge.alike import FROM, alike
from emu.mailbox.rule import Finding

ROOT: Final = Path(__file__).parents[2]

findings = st.lists(
    st.builds(
        Finding, st.sampled_from(("a", "b")), st.just("error"), st.none() | st.integers(0, 9),
        st.integers(0, 99), st.sampled_from(("here", "there")),
        st.sampled_from(("at 0x1000", "at 0x2f00", "elsewhere")),
    ),
    max_size=30,
)  # fmt: skip


@given(findings)
def test_every_finding_is_counted_once_and_few_are_left_alone(found: list[Finding]) -> None:
    groups = alike(found)
    assert sum(one.count for one in groups) == len(found)
    assert {one.first for one in groups} <= set(found)
    assert all(one.count == 1 or one.count >= FROM for one in groups)
    firsts = [found.index(one.first) for one in groups if one.count > 1]
    assert firsts == sorted(firsts)


def test_numbers_aside_the_words_must_agree() -> None:
    some = [Finding("a", "error", cpu, cpu, "here", f"RSP = {cpu:#x}00") for cpu in range(1, 6)]
    other = Finding("a", "error", 7, 7, "here", "RSP is wild")
    group, alone = alike([*some, other])
    assert (group.who, group.count, alone.who) == ("cpus 1-5", 5, "cpu 7")
    assert group.text == "RSP = 0x100 (the first of 5; `findings a`)"
    assert alike([Finding("a", "error", None, 0, "", "x")])[0].who == "host"


def test_fifteen_aps_with_one_bug_are_one_row_for_people_and_fifteen_for_programs() -> None:
    image = str(ROOT / "samples/gallery/vector-unmapped.elf")
    session = open_session(image, platform="vbs", cpus=16)
    session.do("run")
    assert len(session.findings()) == 15
    heads = [row for row in session.do("findings").reply if row.startswith("error")]
    assert len(heads) == 1
    assert heads[0].startswith("error vector-executable: cpus 1-15, tick ")
    each = session.do("findings vector-executable").reply
    assert sum(row.startswith("error") for row in each) == 15
    (row,) = session.view().findings.rows
    assert (row.who, row.count) == ("cpus 1-15", 15)
    assert session.view().findings.errors == 15
    told = report.of(session.desk, 0.0)
    assert len(told.findings) == 15
    assert "    and 14 alike: --json has them all" in report.as_text(told).splitlines()
