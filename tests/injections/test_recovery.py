"""What `samples/recovery.toml` expects of the sample shim is what becomes of it."""

import pytest

from emu.debug.campaign import Campaign, run_case
from emu.debug.recovery import PLATFORMS, Case, of_the_samples, read
from emu.inject.kinds import BY_NAME
from tests.platforms import load_platform
from tests.shard import breadth

CASES = read(of_the_samples())


def test_every_kind_has_a_case_on_every_platform_that_has_it() -> None:
    there = {(spec.split()[0], one.platform) for one in CASES for spec in one.inject}
    wanted = {
        (name, platform)
        for name, kind in BY_NAME.items()
        for platform in PLATFORMS
        if not kind.lacking(load_platform(platform))
    }
    assert there == wanted


@pytest.mark.parametrize(
    "case", breadth(CASES, every=20), ids=lambda case: f"{case.platform}: {case.name}"
)
def test_a_case_becomes_what_is_expected(case: Case) -> None:
    result = run_case(Campaign(), case)
    assert result.problems == (), result.reason
