"""A bug of the gallery: the parts of the healthy assembly that it has in another way."""

from pathlib import Path

from emu import open_session
from tests.house.building import build

NEW = {
    "shim/gallery/command-kept.inc": """\
/* F99: the ack is a store of the command that was there. */
mailbox_ack:
    movw    $MAILBOX_WAKEUP, MB_COMMAND(%r13)
""",
    "samples/gallery/command-kept.toml": """\
title = "The ack leaves the command as it is"
failure = "F99"
reference = "nobody"
symptom = "The OS waits out its second for each ack."
command = "run samples/gallery/command-kept.elf --platform tdx"
platforms = ["tdx", "vbs", "sipi", "none"]
outcome = "booted"

[finding]
rule = "command-answered"
cpu = 1
where = "mailbox_jump"
seen = "wake_cpu"
cause = "gallery/command-kept.inc:2"
""",
}
LINES = {
    "shim/build.py": (
        ('    "branch-into-tdcall": ("reset",),\n', '    "command-kept": BOTH,\n'),
    )
}


def uses() -> None:
    build("gallery/command-kept", Path.cwd() / "built")
    session = open_session("built/gallery/command-kept.elf", platform="tdx", cpus=2)
    session.do("run")
    assert "command-answered" in [one.rule for one in session.findings()]
    assert "movw    $MAILBOX_WAKEUP" in session.do("list mailbox_ack").reply[1]
