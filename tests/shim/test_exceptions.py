"""An exception of the BSP is told with the address that the CPU was at, wherever it came to."""

import re

import pytest

from emu import open_session


@pytest.mark.parametrize("words", ["", "set rip=0x8010000"], ids=["in the shim", "below it"])
def test_the_bsps_exception_is_told_with_the_address_of_the_cpu(words: str) -> None:
    session = open_session(platform="none", cpus=2)
    session.do("until start_aps")
    if words:
        session.do(words)
    at = session.machine.board.linear_rip(session.machine.board.cpus[0])
    session.do("inject nmi 0")
    view = session.do("run")
    told = re.findall(r" at \(?(0x[0-9a-f]+)", view.serial)
    assert [int(one, 16) for one in told] == [at, at], view.serial
