"""A client: whoever holds a session. This is one: it knows `emu` and `Resume`, no more."""

from emu import open_session
from emu.debug.resume import Resume

NEW: dict[str, str] = {}
LINES: dict[str, tuple[tuple[str, str], ...]] = {}


def uses() -> None:
    session = open_session(platform="tdx", cpus=2)
    session.begin(Resume(until="mailbox_wait"))
    while session.pump(0.01):  # so long it may take before somebody else has a turn
        pass
    (stop,) = session.stop
    assert (stop.kind, stop.cpu) == ("until", 1)
    assert [cpu.symbol for cpu in session.cpus()][1] == "mailbox_wait"
    before = session.registers(1)["rip"]
    session.do(Resume(((1, "step"),), "stop", count=2))
    assert session.registers(1)["rip"] != before
    assert session.memory("gva:rip", 2, cpu=1) != (None, None)
    session.do(Resume(direction="backward"))
    view = session.do(Resume())
    assert view.outcome == "booted" and "cpu" in view.serial
