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
    session = booted(spec, platform=platform)
    machine = session.machine
    assert [(one.spec, one.problem) for one in machine.injected.fired] == [(spec, "")]
    end = session.digest(), session.timeline.now, machine.board.vmm.serial
    session.do("goto 60%")
    session.do("goto 20%")
    session.do("goto end")
    assert (session.digest(), session.timeline.now, machine.board.vmm.serial) == end


def test_a_platform_s_list_leaves_out_what_it_lacks() -> None:
    names = {kind.name for kind in of_platform(load_platform("sipi"))}
    assert "lose-ipi" in names
    assert not names & {"view", "vp-index", "status", "unaccept"}
