"""Boots with something broken, and what the guest shows of it."""

from emu import open_session
from emu.debug.session import Session
from emu.inject.kinds import KINDS
from tests.platforms import load_platform

PLATFORMS = ("tdx", "vbs", "none", "sipi")
MAX_TICKS = 3_000_000


def broken(*specs: str, platform: str = "vbs", cpus: int = 4) -> Session:
    """A machine with injections, at power-on."""
    return open_session(platform=platform, cpus=cpus, inject=specs, max_ticks=MAX_TICKS)


def booted(*specs: str, platform: str = "vbs", cpus: int = 4) -> Session:
    """The same, run to its end."""
    session = broken(*specs, platform=platform, cpus=cpus)
    session.do("run")
    return session


def serial(session: Session) -> str:
    return session.machine.board.vmm.serial.decode()


def milestones(session: Session, cpu: int) -> list[str]:
    """What a CPU reached, in order."""
    return [
        event.text.removeprefix("reaches ")
        for event in session.machine.board.logs.events
        if event.cpu == cpu and event.kind == "milestone"
    ]


def happened(session: Session, text: str) -> list[str]:
    return [e.text for e in session.machine.board.logs.events if text in e.text]


def having(name: str) -> list[str]:
    """The platforms that have a kind."""
    (kind,) = [kind for kind in KINDS if kind.name == name]
    return [one for one in PLATFORMS if not kind.lacking(load_platform(one))]


def reached_ns(session: Session, cpu: int, name: str) -> int:
    """When a CPU first reached a milestone."""
    return next(
        event.virtual_ns
        for event in session.machine.board.logs.events
        if event.cpu == cpu and event.text == f"reaches {name}"
    )
