"""Findings stand under what they follow from, and hints do not count."""

from typing import Final

from emu.mailbox.rule import Finding, Severity, counts, each, folded

CAUSES: Final = {"second": ("first",), "third": ("first", "second")}


def finding(
    rule: str, tick: int, *about: int, severity: Severity = "error", cpu: int = 0
) -> Finding:
    return Finding(rule, severity, cpu, tick, "", f"{rule} at {tick}", about)


def told(*found: Finding) -> list[tuple[str, list[str]]]:
    return [
        (one.text, [below.text for below in one.consequences]) for one in folded(found, CAUSES)
    ]


def test_what_follows_from_a_finding_about_the_same_cpu_stands_under_it() -> None:
    assert told(finding("first", 1, 2), finding("second", 2, 2), finding("second", 3, 3)) == [
        ("first at 1", ["second at 2"]), ("second at 3", []),
    ]  # fmt: skip


def test_a_consequence_of_a_consequence_stands_beside_it() -> None:
    rows = told(finding("first", 1, 2), finding("second", 2, 2, 3), finding("third", 3, 3))
    assert rows == [("first at 1", ["second at 2", "third at 3"])]


def test_of_two_causes_the_newer_one_is_taken() -> None:
    rows = told(finding("first", 1, 2), finding("first", 5, 2), finding("second", 6, 2))
    assert rows == [("first at 1", []), ("first at 5", ["second at 6"])]


def test_a_cause_comes_before_what_follows_from_it() -> None:
    rows = told(finding("second", 1, 2), finding("first", 2, 2))
    assert rows == [("second at 1", []), ("first at 2", [])]


def test_who_is_about_all_cpus_is_about_each() -> None:
    assert told(finding("first", 1), finding("second", 2, 7)) == [
        ("first at 1", ["second at 2"])
    ]


def test_hints_come_last() -> None:
    rows = told(finding("x", 1, severity="hint"), finding("y", 2, severity="warning"))
    assert [text for text, _ in rows] == ["y at 2", "x at 1"]


def test_nothing_is_lost_by_folding() -> None:
    found = [finding("first", 1, 2), finding("second", 2, 2), finding("other", 3, 1)]
    assert [one.text for one in each(folded(found, CAUSES))] == [one.text for one in found]


def test_a_hint_alone_does_not_count() -> None:
    assert not counts([finding("first", 1, severity="hint")])
    assert counts([finding("first", 1, severity="hint"), finding("x", 2, severity="warning")])
    assert not counts([])
