"""What every guest of ours does, as numbers: `python -m tests.courses write FILE` on one
commit, `compare FILE` on another. A change of the house must leave all of it equal to the bit.

A course is a case of the recovery file, an image of the gallery, a dialect, a story, or a
healthy boot; of each: the digest of the guest, its ticks, the outcome, and hashes of the event
texts, the exit log, the serial line and the findings; what the guest logs in its own memory has
a hash of its own. Only the door is used, so that any commit can be asked; what a written file
has of no course is not compared.
"""

import hashlib
import json
import sys
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
SAMPLES: Final = ROOT / "samples"
PLATFORMS: Final = ("tdx", "vbs", "none", "sipi")
MAX_TICKS: Final = 60_000_000
WATCHDOG: Final = 10_000_000


def short(*texts: str) -> str:
    """A hash that is long enough to tell courses apart."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def names() -> list[str]:
    """Every course, by name: `kind what`."""
    cases = tomllib.loads((SAMPLES / "recovery.toml").read_text())["case"]
    found = [
        f"case {number} {platform}"
        for number, case in enumerate(cases)
        for platform in case.get("platforms", PLATFORMS)
    ]
    for folder in ("gallery", "dialects"):
        images = sorted(p.stem for p in (SAMPLES / folder).glob("*.elf") if "." not in p.stem)
        found += [f"{folder} {image}" for image in images]
    found += [f"story {path.stem}" for path in sorted((ROOT / "tests/stories").glob("*.story"))]
    return found + [f"boot {p} {n}" for p in PLATFORMS for n in (1, 2, 4, 16, 64)]


def course(name: str) -> tuple[str, dict[str, object]]:
    """Run one and say what it was."""
    kind, *rest = name.split()
    if kind == "story":
        return name, _story(rest[0])
    if kind == "gallery":
        from tests.gallery import Bug

        return name, _told(Bug.of(rest[0]).prepared)
    from emu import open_session

    options: dict[str, object] = {"cpus": 4, "max_ticks": MAX_TICKS, "watchdog": WATCHDOG}
    if kind == "case":
        case = tomllib.loads((SAMPLES / "recovery.toml").read_text())["case"][int(rest[0])]
        inject = case["inject"]
        options |= {
            "platform": rest[1],
            "inject": [inject] if isinstance(inject, str) else inject,
        }
    elif kind == "boot":
        options |= {"platform": rest[0], "cpus": int(rest[1])}
    else:
        options |= {"image": str(SAMPLES / kind / f"{rest[0]}.elf"), "platform": "tdx"}
    return name, _told(lambda: open_session(**options))  # type: ignore[arg-type]


def _told(begin: Callable[[], Any]) -> dict[str, object]:
    """What becomes of a machine that is begun in some way."""
    from emu.errors import ApdbgError
    from emu.vmm.asked_words import describe  # the words of results are no part of a course

    try:
        session = begin()
        view = session.do("run")
    except ApdbgError as error:
        return {"refused": str(error)}
    logs = session.machine.board.logs
    events = [(e.kind, f"{e.tick} {e.cpu} {e.virtual_ns} {e.text}") for e in logs.events]
    return {
        "digest": session.digest(),
        "tick": view.tick,
        "outcome": view.outcome or "",
        "events": short(*(words for kind, words in events if kind != "log")),
        "logged": short(*(words for kind, words in events if kind == "log")),
        "exits": short(
            *(f"{e.tick} {e.cpu} {e.virtual_ns} {describe(e.detail)}" for e in logs.exits)
        ),
        "serial": short(view.serial),
        "findings": short(*(f"{f.tick} {f.rule} {f.text}" for f in session.findings())),
        "stop": [stop.text for stop in view.stop],
    }


def _story(stem: str) -> dict[str, object]:
    """All that a story's commands answer, and the digest behind each."""
    from emu import open_session
    from emu.errors import CommandError

    said: list[str] = []
    digests: list[str] = []
    session = None
    for line in (ROOT / f"tests/stories/{stem}.story").read_text(encoding="utf-8").splitlines():
        if line.startswith("@"):
            platform, cpus = line[1:].split()
            session = open_session(platform=platform, cpus=int(cpus))
        elif line.startswith(">"):
            assert session is not None
            try:
                view = session.do(line[1:].strip())
                said += [*view.reply, *(stop.text for stop in view.stop)]
            except CommandError as error:
                said.append(f"error: {error}")
            digests.append(session.digest())
    return {"said": short(*said), "digests": short(*digests)}


def every(only: str = "") -> Iterator[tuple[str, dict[str, object]]]:
    """All courses whose name begins with some words."""
    wanted = [name for name in names() if name.startswith(only)]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        yield from pool.map(course, wanted, chunksize=4)


def main(word: str, file: str, only: str = "") -> int:
    """Write all courses, or say which differ from those written."""
    if word == "write":
        Path(file).write_text(json.dumps(dict(every(only)), indent=1))
        return 0
    before = json.loads(Path(file).read_text())
    written = {key for one in before.values() for key in one}
    differing = 0
    for name, now in every(only):
        was = before.get(name, {})
        changed = [key for key in now if key in written and now[key] != was.get(key)]
        if changed:
            differing += 1
            print(f"{name}: {', '.join(f'{k}: {was.get(k)} -> {now[k]}' for k in changed)}")
    print(f"{differing} courses differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
