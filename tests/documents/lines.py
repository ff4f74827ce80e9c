"""Which cache lines wake-ups move, by one mailbox and by one for each CPU: from runs."""

from typing import NamedTuple

from emu.debug.session import Session
from emu.debug.setup import Options, Setup
from emu.debug.what_if_ways import BY_NAME, IMAGE
from emu.profile.coherence import Coherence, coherence
from tests.documents.markdown import table
from tests.profile.seen import basis_of

_MAILBOXES = range(0x1_0000, 0x2_0000)
"""Where shim/strategies/ways.h has those of its own."""


class MailboxMoves(NamedTuple):
    """Transfers of mailboxes' lines."""

    shared: tuple[int, ...]
    """Of the one mailbox, for each wake-up."""
    own: tuple[int, ...]
    """Of each CPU's own, its parking there included."""


def run_with_profile(way: str, cpus: int) -> tuple[Session, Coherence]:
    """One way, run to its end, and what its lines did."""
    chosen = BY_NAME[way]
    options = Options(
        image=IMAGE, platform=chosen.platform, cpus=cpus, memory=512, cmdline=chosen.line
    )
    session = Session(Setup.of(options))
    session.do("run")
    return session, coherence(basis_of(session.desk.timeline))


def lines_moved(cpus: int) -> MailboxMoves:
    """With so many CPUs, all started at once."""
    _, one = run_with_profile("mailbox-parallel", cpus)
    _, each = run_with_profile("mailbox-each-direct", cpus)
    own = tuple(line.transfers for line in each.told if line.gpa in _MAILBOXES)
    assert len(own) == cpus - 1, "those lines alone are told that move most"
    return MailboxMoves(tuple(wake.transfers for wake in one.mailbox.wakes), own)


def told(*counts: str) -> str:
    """As a table of a page."""
    rows = []
    for count in map(int, counts):
        found = lines_moved(count)
        rows.append((f"{count:,}", *_row(found.shared), *_row(found.own)))
    head = (
        "CPUs", "one mailbox: transfers for a wake-up", "in all", "one each: for a wake-up",
        "in all",
    )  # fmt: skip
    return table(head, rows)


def _row(some: tuple[int, ...]) -> tuple[str, str]:
    least, most = min(some), max(some)
    return f"{least:,}" + (f" to {most:,}" if most > least else ""), f"{sum(some):,}"
