"""How a session begins: from an image and a platform, or from a recording."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from emu.boot.samples import place_of
from emu.boot.sources import SourceMap
from emu.debug.recording import Recording, replay
from emu.debug.session import Session
from emu.debug.setup import Options, Setup
from emu.hw.selftest import require as require_emulator
from emu.timeline.schedule import chooser_of

RECORDING: Final = ".apdbg"
"""How the names of recordings end."""


def open_session(
    image: str | None = None,
    *,
    platform: str = "",
    cpus: int | None = None,
    possible: int | None = None,
    memory: int | None = None,
    seed: int = 0,
    kernel: str | None = None,
    initrd: str | None = None,
    cmdline: str = "",
    host_dtb: str | None = None,
    max_ticks: int | None = None,
    rules: bool = True,
    watchdog: int = 0,
    symbols: Sequence[str] = (),
    same_faults: int = 0,
    sources: Sequence[str] = (),
    schedule: str = "",
    inject: Sequence[str] = (),
    sidecar: str | None = None,
    reset: str | None = None,
    persisted: str | None = None,
    **loop: Any,
) -> Session:
    """Load an image (None: the packaged sample) onto a platform and stop at the first
    instruction. `platform`: empty for the one that the image is usually booted on; `possible`:
    how many CPUs may ever be there, `cpus` of them at first; `memory` in MiB; `symbols`: files
    with names of what lies in it; `sources`: `FROM=TO`, where source that was compiled below
    FROM lies now; `sidecar`, `reset` and `persisted`: files that openhcl_boot finds in memory;
    `schedule` and `inject` as the commands of these names take them; `watchdog`, `same_faults`
    and what is said of a mailbox loop (`ap_loop`, `at`, ...) as `Options` has them. Raises
    ApdbgError."""
    require_emulator()
    options = Options(
        image,
        platform,
        cpus,
        memory,
        seed,
        kernel,
        initrd,
        cmdline,
        host_dtb,
        max_ticks,
        rules,
        watchdog,
        tuple(symbols),
        same_faults,
        sidecar=sidecar,
        reset=reset,
        persisted=persisted,
        possible=possible,
        **loop,
    )
    entries = [f"schedule {chooser_of(schedule.split()).text}"] if schedule else []
    entries += [f"inject {one}" for one in inject]
    maps = tuple(SourceMap.of(one) for one in sources)
    return Session(Setup.of(options, sources=maps), tuple(entries))


def is_recording(name: str | None) -> bool:
    """Whether a word on the command line means a recording, and no image."""
    return name is not None and place_of(name, RECORDING).suffix == RECORDING


def replay_session(
    recording: Recording,
    image: str | None = None,
    kernel: str | None = None,
    heard: Callable[[], bool] = lambda: False,
    sources: Sequence[str] = (),
) -> tuple[Session, list[str]]:
    """A fresh session brought to the end of a recording, and sentences on all that differs.
    `image` and `kernel`: where they lie now, if not where they lay; `heard` True stops early.
    Raises ApdbgError."""
    require_emulator()
    options = recording.options
    options = replace(options, image=image or options.image, kernel=kernel or options.kernel)
    maps = tuple(SourceMap.of(one) for one in sources)
    session = Session(Setup.of(options, recording.platform_text, maps))
    return session, replay(session.desk, recording, heard)
