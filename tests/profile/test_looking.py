"""What a profile costs: where logs are enough, nothing of the guest is looked at."""

import re
from typing import Any, Final

import pytest
from unicorn import unicorn_const as uc_const

from emu import Session, open_session
from emu.debug.profiling import measured
from emu.hw import engine_native as native
from emu.profile.accesses import SharedAccesses
from emu.profile.profile import SECTIONS, chosen
from emu.timeline.moment import Moment

ACCESSES: Final = (uc_const.UC_HOOK_MEM_READ, uc_const.UC_HOOK_MEM_WRITE)
CPUS: Final = 3


class Hooks:
    """The library's hooks as they are asked for, by kind."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kinds: list[int] = []
        add = native.hook_add

        def added(*words: Any) -> Any:
            self.kinds.append(int(getattr(words[2], "value", words[2])))
            return add(*words)

        monkeypatch.setattr(native, "hook_add", added)

    def count(self, *kinds: int) -> int:
        """How many of these."""
        return sum(one in kinds for one in self.kinds)


def ended() -> Session:
    session = open_session(platform="tdx", cpus=CPUS)
    session.do("run")
    return session


def names(*needs: str) -> tuple[str, ...]:
    return tuple(one.name for one in SECTIONS if one.needs in needs)


def test_sections_that_logs_tell_add_no_hook_and_run_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = ended()
    before = session.digest(), session.timeline.now
    hooks = Hooks(monkeypatch)
    _, said = measured(session.desk, chosen(names("logs")))
    assert (hooks.kinds, said) == ([], ()), "no hook of whatever kind, and no second run"
    assert (session.digest(), session.timeline.now) == before


@pytest.mark.parametrize(("needs", "wanted"), [("accesses", 2), ("code", 0)])
def test_sections_that_need_more_say_what_it_cost_and_change_nothing(
    needs: str, wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, plain = ended(), ended()
    hooks = Hooks(monkeypatch)
    _, said = measured(session.desk, chosen(names(needs)))
    assert hooks.count(*ACCESSES) == wanted and hooks.kinds
    assert re.fullmatch(r"a second run was looked at, every \w+: [\d.]+ times as long", *said)
    assert session.digest() == plain.digest() and session.timeline.now == plain.timeline.now
    hooks.kinds.clear()
    for one in (session, plain):
        one.do("reset")
        one.do("run 50000")
    assert hooks.count(*ACCESSES) == 0, "they are gone"
    assert session.digest() == plain.digest()


def test_a_run_with_every_access_looked_at_is_the_run_without() -> None:
    """Its digest, not only that of where the session stands."""
    session = ended()
    digests = []
    machine, timeline = session.machine, session.timeline
    end = timeline.now
    for probes in ((), (SharedAccesses.of(machine),)):
        timeline.goto(Moment(0))
        machine.board.look_at(*probes)
        timeline.retrace(end)
        machine.board.look_at()
        digests.append(session.digest())
    assert digests[0] == digests[1]
