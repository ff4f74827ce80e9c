"""Every kind of injection: its own example works wherever the platform has it, and replays."""

import pytest

from emu.errors import CommandError
from emu.inject.kind import InjectionKind
from emu.inject.kinds import KINDS, of_platform
from tests.injections.booting import PLATFORMS, booted, broken
from tests.platforms import load_platform
from tests.shard import breadth


def test_names_are_words_of_their_own() -> None:
    names = [kind.name for kind in KINDS]
    assert len(set(names)) == len(names)
    assert all(kind.help and "\n" not in kind.help for kind in KINDS)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("kind", breadth(KINDS, every=5), ids=lambda kind: kind.name)
def test_the_example_of_a_kind_happens_and_happens_again(
    kind: InjectionKind, platform: str
) -> None:
    spec = f"{kind.name} {kind.example}"
    if kind.lacking(load_platform(platform)):
        with pytest.raises(CommandError, match=f"platform {platform}"):
            broken(spec, platform=platform)
        return
    specs = [*([kind.behind] if kind.behind else []), spec]
    session = booted(*specs, platform=platform)
    machine = session.machine
    assert [(one.spec, one.problem) for one in machine.injected.fired] == [
        (one, "") for one in specs
    ]
    end = session.digest(), session.timeline.now, machine.board.vmm.serial
    session.do("goto 60%")
    session.do("goto 20%")
    session.do("goto end")
    assert (session.digest(), session.timeline.now, machine.board.vmm.serial) == end


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_without_a_moment_a_kind_works_from_the_start_or_asks_for_one(
    kind: InjectionKind, platform: str
) -> None:
    if kind.lacking(load_platform(platform)):
        return
    spec = f"{kind.name} {kind.example}".partition(" at ")[0]
    try:
        machine = broken(*filter(None, (kind.behind, spec)), platform=platform).machine
    except CommandError as error:
        assert f"a moment can be named: {spec} at MOMENT" in str(error)
    else:
        assert machine.injected.armed or machine.injected.fired


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_table_of_a_cpu_that_has_not_started_changes_when_it_is_parked(platform: str) -> None:
    session = booted("pte 2 mailbox uncached", platform=platform)
    (fired,) = session.machine.injected.fired
    assert fired.problem == ""
    started = next(e.tick for e in session.machine.board.logs.events if e.cpu == 2)
    assert fired.tick > started


def test_help_on_a_kind_that_another_platform_has_says_why_and_what_it_is() -> None:
    reply = broken("stall 1 5us", platform="tdx").do("help inject late-ipi").reply
    assert reply[0] == "not here: platform tdx starts CPUs without INIT and SIPI"
    assert reply[1].startswith("inject late-ipi WHAT CPU NS")
    with pytest.raises(CommandError, match="there is no 'rain' to inject"):
        broken("stall 1 5us", platform="tdx").do("help inject rain")


def test_a_platform_s_list_leaves_out_what_it_lacks() -> None:
    names = {kind.name for kind in of_platform(load_platform("sipi"))}
    assert "lose-ipi" in names
    assert not names & {"view", "vp-index", "status", "unaccept"}
