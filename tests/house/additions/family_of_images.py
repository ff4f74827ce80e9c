"""A family of images: which of its symbols play which roles."""

from tests.guest import boot

NEW: dict[str, str] = {}
LINES = {
    "emu/boot/roles.py": (
        (
            "FAMILIES: Final[tuple[Family, ...]] = (SAMPLE, LINUX",
            ', Family("tea", (NamedPoint("kettle", "boils", ("online",)),)),',
        ),
    ),
}


def uses() -> None:
    session = boot("start: nop\nnop\nkettle: nop\nhlt", platform="none")
    session.do("break online")
    assert session.do("run").stop[0].kind == "breakpoint"
    session.do("run")
    assert session.view().cpus[0].state == "online"
    assert session.do("events milestone").reply[0].endswith("reaches kettle")
