"""What CPUs share in the images of samples/, each judged by its source."""

from typing import Any, Final

import pytest

from emu import open_session
from emu.profile.basis import Basis
from emu.profile.coherence import coherence
from emu.profile.locks import locks
from emu.profile.looking import looked
from tests.gallery import IMAGES, Bug
from tests.shard import breadth

PRINT_LOCK: Final = "print_lock"
"""shim/kernel/lock.h: an MCS lock around each line that a CPU prints; the one lock of the
samples. What else is taken there by a locked instruction is a count, or an answer between two
(shim/arch.h, an exchange)."""
SAMPLES: Final = (
    # image, kernel, platform, CPUs -> who waits for a lock
    ("shim.elf", None, "tdx", 2, ()),
    ("shim.elf", None, "tdx", 4, (PRINT_LOCK,)),
    ("shim.elf", None, "tdx", 8, (PRINT_LOCK,)),
    ("shim.elf", None, "vbs", 4, (PRINT_LOCK,)),
    ("shim.elf", None, "none", 4, (PRINT_LOCK,)),
    ("shim.elf", None, "sipi", 4, (PRINT_LOCK,)),
    ("shim.elf", "samples/os.elf", "tdx", 4, ()),
    ("shim.elf", "samples/hotplug.kernel.elf", "tdx", 4, (PRINT_LOCK,)),
    ("rust.elf", None, "vbs", 4, (PRINT_LOCK,)),
    ("dialects/openhcl.elf", None, "tdx", 4, (PRINT_LOCK,)),
)


def basis(session_words: dict[str, Any], image: str) -> Basis:
    session = open_session(f"samples/{image}", **session_words)
    session.do("run")
    machine = session.machine
    return Basis(machine, looked(machine, session.timeline, ("accesses",)))


@pytest.mark.parametrize("case", breadth(SAMPLES, keep=3))
def test_the_only_lock_of_the_samples_is_that_of_printing(
    case: tuple[str, str | None, str, int, tuple[str, ...]],
) -> None:
    image, kernel, platform, cpus, wanted = case
    found = locks(basis({"platform": platform, "cpus": cpus, "kernel": kernel}, image))
    assert tuple(one.name for one in found.locks) == wanted
    assert all(one.kind == "queue" for one in found.locks)
    assert found.barriers == ()


@pytest.mark.parametrize("slug", breadth(IMAGES, keep=2))
def test_no_image_of_the_gallery_has_another(slug: str) -> None:
    session = Bug.of(slug).opened()
    session.do("run")
    machine = session.machine
    found = locks(Basis(machine, looked(machine, session.timeline, ("accesses",))))
    assert {one.name for one in found.locks} <= {PRINT_LOCK} and found.barriers == ()


def test_each_wake_up_moves_the_mailbox_s_lines_once_more_for_each_that_still_waits() -> None:
    """OpenHCL's mailbox: its command's line goes to each AP that is parked, at each store of
    the BSP, so the last AP costs least."""
    made = coherence(basis({"platform": "tdx", "cpus": 4}, "dialects/openhcl.elf"))
    assert [(one.cpu, one.transfers) for one in made.mailbox.wakes] == [(1, 12), (2, 8), (3, 4)]
    assert "    of these 12 for cpu 1, 8 for cpu 2, 4 for cpu 3" in made.lines()
