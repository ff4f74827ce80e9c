"""How each kind of input is given to the program, as people give it: through the door."""

import time
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from msgspec.structs import replace

from emu import Session, open_session
from emu.debug import inspection, recording, recovery, script
from emu.debug.opening import replay_session
from emu.errors import ApdbgError
from emu.picture.view import Sections
from tests.fuzz import words
from tests.platforms import load_platform
from tui import keymap, keys
from tui.kept import HISTORY_MAX, STOPPING, Memory

PLATFORMS: Final = ("tdx", "vbs", "none", "sipi")
SECONDS_MAX: Final = 5.0
"""Of the processor: for a file, and for a stretch of a command."""
SHORT_TICKS: Final = 3_000
LONG_TICKS: Final = 200_000
"""A boot of two CPUs takes 110,000 to 130,000."""
LONG_EVERY: Final = 32
"""Of so many guests one runs to its end."""
LOOK_EVERY: Final = 3
"""Of so many guests one is looked at, which costs more than all the rest."""
PUMPS_MAX: Final = 20
"""Stretches of a command, some milliseconds each, until somebody presses Ctrl+C."""
PUMPS_WHOLE: Final = 100_000
"""More than any run here has."""
HEARD_MAX: Final = 500
"""Stretches of a replay until the same: a recording may be as long as a person waits."""
LOOKED_AT: Final = (
    "list", "list 0x8400000", "break main.c:20", "break ap.c:40 if rax == 1", "registers",
    "walk rip",
    "tables", "npt 0x8000000", "dtb", "events", "exits", "mailbox", "waits", "findings", "why",
    "profile", "mem rsp 64", "executed _start", "print rax",
)  # fmt: skip
"""Commands that read what an image, a tree or a platform says."""


def carry_out(session: Session, text: str, pumps: int = PUMPS_MAX) -> bool:
    """A command as the screen carries it out; False if it was refused in a sentence."""
    try:
        answered = partial(session.begin, text)
        for _ in range(pumps):
            began = time.process_time()
            answered()
            seconds = time.process_time() - began
            assert seconds < SECONDS_MAX, f"{seconds:.1f} s without a look at the keys: {text}"
            if not session.running:
                return True
            answered = partial(session.pump, 0.0)  # one stretch, whatever the host's clock says
        session.pause()
    except ApdbgError as error:
        told(error)
        return False
    return True


def told(error: ApdbgError) -> None:
    """An error is one sentence that can be shown."""
    text = str(error)
    assert text.strip(), "an error without words"
    assert len(text) < 2_000, f"an error of {len(text):,} characters"


def look(session: Session, draw: Random, count: int = 3) -> None:
    """Commands that look, and the whole picture with every panel's section."""
    for text in draw.sample(LOOKED_AT, count):
        carry_out(session, text)
    session.looks.wanted = frozenset(Sections.__struct_fields__)
    session.picture()
    session.findings()


def booted(draw: Random, **more: Any) -> None:
    """A session with what is given, run on a little, or to its end, and looked at."""
    ticks = LONG_TICKS if draw.randrange(LONG_EVERY) == 0 else SHORT_TICKS
    given = {
        "platform": draw.choice(PLATFORMS),
        "cpus": draw.choice((1, 2)),
        "max_ticks": ticks,
    }
    began = time.process_time()
    session = open_session(**given | more)
    seconds = time.process_time() - began
    assert seconds < SECONDS_MAX, f"{seconds:.1f} s until it was open"
    carry_out(session, "run", pumps=PUMPS_WHOLE)
    if draw.randrange(LOOK_EVERY) == 0:
        look(session, draw)


def image(data: bytes, draw: Random, folder: Path) -> None:
    """`apdbg IMAGE`."""
    booted(draw, image=_file(folder, "image.elf", data))


def kernel(data: bytes, draw: Random, folder: Path) -> None:
    """`apdbg --kernel ELF`."""
    booted(draw, kernel=_file(folder, "kernel.elf", data))


def loop(data: bytes, draw: Random, folder: Path) -> None:
    """`apdbg --ap-loop FILE`."""
    mode = draw.choice(("long", "protected", "real"))
    booted(draw, ap_loop=_file(folder, "loop.elf", data), loop_mode=mode)


def multiboot(data: bytes, draw: Random, folder: Path) -> None:
    """`apdbg IMAGE --platform sipi`."""
    booted(draw, image=_file(folder, "kernel.elf", data), platform="sipi")


def igvm(data: bytes, draw: Random, folder: Path) -> None:
    """`apdbg inspect FILE`, and `apdbg FILE` with an option or two."""
    name = _file(folder, "some.igvm", data)
    if draw.random() < 0.5:
        found, whole = inspection.inspect(name)
        assert inspection.as_text(found, whole) and inspection.as_json(found)
    more: dict[str, Any] = {}
    if draw.random() < 0.2:
        more["igvm_base"] = draw.choice((0x800_0000, 0x820_0000, 0x1000_0000, 1 << 63, 1))
    if draw.random() < 0.2:
        more["memory"] = draw.choice((8, 16, 256))
    line, on = draw.choice(("", "", "quiet", "x" * 5_000)), draw.choice(("tdx", "vbs", "none"))
    booted(draw, image=name, cmdline=line, platform=on, **more)


def linux(data: bytes, draw: Random, folder: Path) -> None:
    """`apdbg bzImage`, `apdbg vmlinux`."""
    name = _file(folder, "vmlinuz", data)
    if draw.random() < 0.3:
        found, whole = inspection.inspect(name)
        assert inspection.as_text(found, whole)
    booted(draw, image=name, platform=draw.choice(("linux", "linux", "sipi", "tdx")))


def flat(data: bytes, draw: Random, folder: Path) -> None:
    """`apdbg IMAGE` of a bare image."""
    booted(draw, image=_file(folder, "flat.elf", data))


def initrd(data: bytes, draw: Random, folder: Path) -> None:
    """`apdbg --initrd FILE`."""
    booted(draw, initrd=_file(folder, "initrd", data))


def tree(data: bytes, draw: Random, folder: Path) -> None:
    """`apdbg --host-dtb FILE`."""
    booted(draw, host_dtb=_file(folder, "host.dtb", data), platform=draw.choice(("tdx", "vbs")))


def platform(data: bytes, draw: Random, folder: Path) -> None:
    """`apdbg --platform FILE`."""
    name = _file(folder, "own.toml", data)
    few = draw.choice((None, 1, 2))
    found = load_platform(name, cpus=few)
    if found.cpus > 64 and draw.randrange(20):
        return  # a machine of a thousand CPUs takes a second
    booted(draw, platform=name, cpus=few)


def keys_file(data: bytes, draw: Random, folder: Path) -> None:
    """`apdbg --keys FILE`."""
    preset = keymap.read(_file(folder, "keys.toml", data), folder / "none")
    table = keys.remapped(preset.keys)
    assert {key.id for key in table} == {key.id for key in keys.KEYS}


def campaign(data: bytes, draw: Random, folder: Path) -> None:
    """`apdbg campaign --file FILE`: some of its injections on a machine."""
    cases = recovery.read(Path(_file(folder, "own.toml", data)))
    for case in draw.sample(cases, min(2, len(cases))):
        session = open_session(platform=case.platform, cpus=2, inject=case.inject)
        carry_out(session, f"run {SHORT_TICKS}")


def recorded(data: bytes, draw: Random, folder: Path) -> None:
    """`apdbg replay FILE`."""
    found = recording.read(Path(_file(folder, "own.apdbg", data)))
    heard = iter([False] * HEARD_MAX)
    session, said = replay_session(found, heard=lambda: next(heard, True))
    assert all(said), "a sentence without words"
    if draw.randrange(LOOK_EVERY) == 0:
        look(session, draw, 1)


def scripted(data: bytes, draw: Random, folder: Path) -> None:
    """`apdbg run --script FILE`."""
    lines = script.read(Path(_file(folder, "own.script", data)))
    session = open_session(platform=draw.choice(PLATFORMS), cpus=2, max_ticks=LONG_TICKS)
    for _, text in lines[:10]:
        if not carry_out(session, words.harmless(text), pumps=20):
            return


def kept(data: bytes, draw: Random, folder: Path) -> None:
    """What the last session with an image left: read, and given to a session as the screen
    does it."""
    memory = Memory(folder, "f" * 64)
    memory.path.write_bytes(data)
    found = memory.read()
    session = open_session(cpus=1)
    for text in found.breakpoints[:40]:
        if text.partition(" ")[0] in STOPPING:
            carry_out(session, text)
    memory.write(found)
    assert memory.read() == replace(found, history=found.history[-HISTORY_MAX:])


def commands(data: bytes, draw: Random, folder: Path) -> None:
    """A session at the prompt. What is refused changes nothing."""
    cpus = draw.choice((1, 2, 2, 4, 8))
    session = open_session(platform=draw.choice(PLATFORMS), cpus=cpus, max_ticks=400_000)
    start = draw.choice((0, 0, 2_500, 43_000, 95_000, 115_000))
    if start:
        carry_out(session, f"run {start}", pumps=PUMPS_WHOLE)
    for raw in data.decode("utf-8", "surrogatepass").split("\n"):
        where = session.timeline.branch.name, session.timeline.now
        before = session.digest() if draw.random() < 0.3 else ""
        refused = not carry_out(session, raw)
        if refused and not session.running:
            assert (session.timeline.branch.name, session.timeline.now) == where, "moved"
            assert not before or session.digest() == before, "refused, and the guest is another"
        if draw.random() < 0.1:
            look(session, draw, 0)


def sealed(data: bytes) -> bytes:
    """Each line of a recording behind its check sum."""
    return b"".join(
        f"{zlib.crc32(one):08x} ".encode() + one + b"\n" for one in data.split(b"\n")
    )


def _file(folder: Path, name: str, data: bytes) -> str:
    place = folder / name
    place.write_bytes(data)
    return str(place)


Door = Callable[[bytes, Random, Path], None]
