"""A distribution's kernel brings its CPUs up, three ways: `python -m tests.kernel_check IMAGE`.

For `.ci/run`: the kernel is a package of Debian's. By INIT and SIPI, through the ACPI mailbox,
and as a trust domain through the mailbox; each twice to one digest, and from there back to what
started CPU 3.
"""

import sys
import time
from collections.abc import Sequence

from emu import Session, open_session

COMMAND_LINE = "console=ttyS0 earlyprintk=serial,ttyS0,115200"
CPUS = 4
WANTED = f"Brought up 1 node, {CPUS} CPUs"
WAYS = ("linux", "none", "tdx")
MEMORY_MIB = 512


def main(words: Sequence[str]) -> int:
    """Exit code 1, with a sentence, if a kernel does not come up."""
    (image,) = words
    for platform in WAYS:
        began = time.monotonic()
        session, again = brought_up(image, platform), brought_up(image, platform)
        tick, digest = session.machine.board.tick, session.digest()
        assert digest == again.digest(), f"{platform}: two runs, two digests"
        told = started_cpu_3(session)
        assert session.machine.board.tick < tick
        took = time.monotonic() - began
        print(
            f"{platform}: {WANTED} at tick {tick:,}, twice, {digest[:16]}; {took:.0f} s; {told}"
        )
    return 0


def brought_up(image: str, platform: str) -> Session:
    """A session in which the kernel has said that its CPUs are up."""
    session = open_session(
        image, platform=platform, cpus=CPUS, memory=MEMORY_MIB, cmdline=COMMAND_LINE
    )
    session.do(f"until serial {WANTED}")
    said = session.machine.board.logs.events
    assert WANTED in session.stop[0].text, (
        f"{platform}: {session.stop[0].text}; {said[-1].text}"
    )
    return session


def started_cpu_3(session: Session) -> str:
    """Go back to what started CPU 3, and say what it was."""
    board = session.machine.board
    if board.mailbox_gpa is None:
        sent = [e for e in board.logs.events if "SIPI" in e.text and "cpu 3" in e.text]
        last = [e for e in sent if e.cpu == 0][-1]
        session.do(f"goto {last.tick}")
        return f"tick {last.tick:,}: cpu 0 {last.text}"
    for cpu in (3, 0):  # it has taken the command, which another CPU had stored
        (told,) = session.do("last-writer mailbox.command").reply[:1]
        assert f"by cpu {cpu} " in told, told
        session.do(f"goto {told.rpartition('tick ')[2].replace(',', '')}")
        session.do("reverse-step any 1")
    return told


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
