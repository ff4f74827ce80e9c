"""A rule of the protocol: a function from an observation and the course so far to sentences."""

from emu import open_session

NEW = {
    "emu/mailbox/rules/no_late_parking.py": '''\
"""No CPU is parked after tick 1."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Arrived
from emu.mailbox.rule import Broken, Rule


def _look(seen: Arrived, course: Course) -> Iterator[Broken]:
    if seen.name == "mailbox_wait" and seen.tick > 1:
        yield Broken(f"parked at tick {seen.tick:,}")


RULE = Rule(
    name="no-late-parking",
    says="Whoever waits at the mailbox does so from the beginning.",
    source="nobody",
    follows="Nothing.",
    look_at="The clock.",
    sees=(Arrived,),
    look=_look,
    severity="warning",
)
''',
}
LINES = {
    "emu/mailbox/rules/__init__.py": (
        ("    mailbox_view,\n", "    no_late_parking,\n"),
        ("    data_race.RULE,\n", "    no_late_parking.RULE,\n"),
    ),
}


def uses() -> None:
    session = open_session(platform="tdx", cpus=3)
    session.do("run")
    found = [one for one in session.findings() if one.rule == "no-late-parking"]
    assert [one.cpu for one in found] == [1, 2] and found[0].where
    assert any("no-late-parking (warning)" in line for line in session.do("rules").reply)
    assert len(session.do("findings no-late-parking").reply) > 4
