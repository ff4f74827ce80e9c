"""Machines without a session, which go on in another process."""

import pickle
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from emu.debug.setup import Options, Setup
from emu.hw.address import PAGE_BYTES, Hpa
from emu.machine import snapshot
from emu.machine.machine import Machine
from emu.timeline.digest import Digest
from emu.timeline.driver import Driver
from emu.timeline.moment import Moment
from tests.guest import FOREVER, Guest

NO_LOGS: Final = (0, 0, 0, 0, 0, 0)


class Place(Struct, frozen=True):
    """What is run: the sample on a platform, or a guest of a few lines, with injections."""

    platform: str
    inject: tuple[str, ...] = ()
    guest: str = ""
    cpus: int = 4

    def driver(self) -> Driver:
        """Before the first tick, its injections entered."""
        driver = self.bare()
        for one in self.inject:
            driver.enter(f"inject {one}")
        return driver

    def bare(self) -> Driver:
        """Before the first tick; whatever changes from here on is in the undo log."""
        driver = Driver(self._machine())
        driver.machine.board.undo.cut()
        return driver

    def _machine(self) -> Machine:
        if self.guest:
            return Guest(self.guest, self.cpus, self.platform).setup().machine()
        return Setup.of(Options(platform=self.platform, cpus=self.cpus)).machine()


def to_a_border(driver: Driver, tick: int) -> None:
    """Run to a tick, and on to where a slice ends, or the guest."""
    driver.drive(Moment(tick))
    while driver.schedule.slice is not None and not driver.final:
        driver.stretch(Moment(driver.machine.board.tick + 1_000))


def packed(driver: Driver) -> bytes:
    """All that another process needs to go on from here, but the place itself."""
    board = driver.machine.board
    pages = {page: board.memory.read(Hpa(page), PAGE_BYTES) for page in board.undo.images}
    taken = replace(snapshot.take(driver.machine, None), logs=NO_LOGS)
    return pickle.dumps((taken, pages, driver.schedule.save(), driver.entries, driver.done))


def unpacked(place: Place, data: bytes) -> Driver:
    """A machine of this process in the state that another one packed, its logs empty."""
    driver = place.bare()
    taken, pages, schedule, driver.entries, driver.done = pickle.loads(data)
    for page, image in pages.items():
        driver.machine.board.memory.put_page(page, image)
    driver.machine.board.undo.stale |= pages.keys()  # for the digest, which knows the loader's
    snapshot.put_back(driver.machine, taken, set(pages))
    driver.schedule.load(schedule)
    return driver


class Ending(Struct, frozen=True):
    """Where a run ended, and what it told on the last stretch."""

    tick: int
    beat: int
    digest: str
    serial: bytes
    events: tuple[str, ...]
    exits: tuple[str, ...]
    observed: tuple[str, ...]


def ended(driver: Driver, logs: tuple[int, int, int] = (0, 0, 0)) -> Ending:
    """Run to the end; of the logs, what comes behind these counts."""
    driver.drive(FOREVER)
    board = driver.machine.board
    told = board.logs.events, board.logs.exits, board.logs.observed
    events, exits, observed = (
        tuple(map(str, log[count:])) for log, count in zip(told, logs, strict=True)
    )
    return Ending(
        board.tick, board.beat, Digest(driver.machine).now(), bytes(board.vmm.serial), events,
        exits, observed,
    )  # fmt: skip


def goes_on(place: Place, data: bytes) -> Ending:
    """In another process: go on to the end."""
    return ended(unpacked(place, data))
