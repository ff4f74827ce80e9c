"""A dialect: what another firmware's mailbox loop does differently by design."""

from pathlib import Path

from emu import open_session
from emu.boot.samples import samples_dir

NEW: dict[str, str] = {}
LINES = {
    "emu/mailbox/dialect.py": (
        (
            '        (*COMMANDS.items(), (3, "Sleep")), False, ("wait-pauses",),\n    ),\n',
            '    Dialect("calm", "no PAUSE", excused=("wait-pauses",)),\n',
        ),
    ),
    "emu/boot/platform.py": (('"td-shim", "edk2"', ', "calm"'),),
}


def uses() -> None:
    image = str(samples_dir() / "gallery" / "no-pause.elf")
    text = (samples_dir() / "platforms" / "vbs.toml").read_text()
    Path("calm.toml").write_text('dialect = "calm"\n' + text)
    for platform, broken in (("vbs", True), ("calm.toml", False)):
        session = open_session(image, platform=platform, cpus=2)
        session.do("run")
        assert ("wait-pauses" in [one.rule for one in session.findings()]) == broken
