"""Images of the gallery that let a secret be seen: each is told where its entry says.

Beside them the healthy shim, with the same secret, of which nothing can be seen.
"""

import re
from typing import Final, Literal

import pytest

from emu import open_session
from emu.debug.profiling import secrets_of
from emu.hw.address import Gpa
from tests.gallery import LEAKS, ROOT, Bug
from tests.shard import breadth

TOKEN: Final = (ROOT / "samples/gallery/token").read_bytes()
CARRIED: Final = {
    "token-shared": "it stores {turned}, bytes 0 to 7 of the secret in reverse, at",
    "token-kept": "it shows the host {plain}, bytes 0 to 7 of the secret, in RBX",
}
"""What goes to the host is said to be the secret's."""
ORDERS: Final[tuple[Literal["little", "big"], ...]] = ("little", "big")


def test_each_way_to_see_a_secret_has_an_image() -> None:
    ways = [Bug.of(slug).entry["leak"]["by"] for slug in LEAKS]
    assert sorted(ways) == ["address", "branch", "memory", "register"]


@pytest.mark.parametrize("slug", breadth(LEAKS, keep=2))
def test_a_secret_is_seen_where_the_entry_says_and_nowhere_else(slug: str) -> None:
    bug = Bug.of(slug)
    wanted, session = bug.entry["leak"], bug.opened()
    session.do("run")
    seen = secrets_of(session.desk, wanted["secret"])
    assert [(one.by, one.cpu, one.behind) for one in seen.leaks] == [
        (wanted["by"], wanted["cpu"], False)
    ]
    (leak,) = seen.leaks
    cause = re.escape(f"shim/{wanted['cause']}")
    assert re.fullmatch(rf"{wanted['where']}\+0x[0-9a-f]+ at {cause}", leak.place)
    source, _, number = wanted["cause"].partition(":")
    line = (ROOT / "shim" / source).read_text().splitlines()[int(number) - 1]
    assert leak.code.split()[0] in line, "the instruction is that of the line"
    plain, turned = (int.from_bytes(TOKEN[:8], order) for order in ORDERS)
    said = CARRIED.get(slug, "").format(plain=f"{plain:#x}", turned=f"{turned:#x}")
    assert said in leak.text
    assert max(map(len, seen.lines())) <= 80, "it has room on a terminal"


def test_nothing_of_the_same_secret_can_be_seen_in_the_healthy_shim() -> None:
    bug = Bug.of("token-compared")
    secret = bug.entry["leak"]["secret"]
    healthy = str(ROOT / "samples/shim.elf")
    session = open_session(
        healthy, platform="tdx", cpus=2, initrd=bug.initrd, cmdline=bug.options["--cmdline"]
    )
    place = int(secret.partition("+")[0], 16)
    assert session.machine.board.ram.guest_bytes(Gpa(place), len(TOKEN)) == TOKEN
    session.do("run")
    found = secrets_of(session.desk, secret)
    assert (found.bytes, found.leaks) == (len(TOKEN), ())
