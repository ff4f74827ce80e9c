"""What works on this machine, in words: Python, libraries, the emulator, samples, terminal.

Nothing here may fail for a machine in a bad state: that is what it is there to tell.
"""

import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module, metadata
from typing import Final, Literal

from msgspec import Struct

from emu.errors import ApdbgError
from tui.terminals import CANNOT_PLACE_TEXT, places_no_text

PYTHON_MIN: Final = (3, 11)
DEPENDENCIES: Final = (
    ("unicorn", "unicorn"),
    ("capstone", "capstone"),
    ("textual", "textual"),
    ("fdt", "fdt"),
    ("pyelftools", "elftools"),
    ("msgspec", "msgspec"),
    ("platformdirs", "platformdirs"),
    ("rust-demangler", "rust_demangler"),
)
"""Distribution and the module it brings: those of pyproject.toml."""
TOOLS: Final = (
    ("qemu-system-x86_64", "the benchmarks measure stepping beside it"),
    ("gdb", "to look at a guest with another debugger"),
    ("dtc", "to read device trees outside apdbg"),
)
"""Programs that apdbg does without, and what they are good for."""
SAMPLES: Final = ("shim.elf", "reset.elf", "kernel.elf", "platforms/tdx.toml")
COLUMNS_MIN, LINES_MIN = 80, 24

_AGAIN: Final = "pip install --force-reinstall apdbg"
_REPAIRS: Final = {
    "Python": "install Python 3.11 or newer, and apdbg with its pip",
    "emulator": f"`{_AGAIN}` brings the emulator that it was made with",
    "samples": f"`{_AGAIN}` brings the samples, or call it in a checkout",
}
"""What to do about each thing that is bad; about anything else it is to install apdbg again."""
NO_TERMINAL: Final = "the output is no terminal"
TOO_SMALL: Final = "or more shows everything"
_STEPS: Final = (
    (NO_TERMINAL, "`apdbg run` boots the sample shim and says how it went"),
    (CANNOT_PLACE_TEXT, "`apdbg --lines` opens the sample shim line by line: c boots it"),
    (TOO_SMALL, "make the terminal larger, or just call `apdbg`: c boots the sample shim"),
)
"""What the detail of the terminal has in it, and what to type there."""

State = Literal["ok", "note", "bad"]


class Check(Struct, frozen=True):
    """One thing looked at: `bad` keeps apdbg from working, `note` does not."""

    what: str
    state: State
    detail: str


def doctor() -> tuple[Check, ...]:
    """Look at everything; never raises for what it finds."""
    return (
        _python(),
        *(_dependency(name, module) for name, module in DEPENDENCIES),
        *_emulator(),
        _samples(),
        *_terminal(os.environ, sys.stdout.isatty(), shutil.get_terminal_size()),
        *(_tool(name, purpose) for name, purpose in TOOLS),
    )


def report() -> tuple[str, bool]:
    """The findings as text, and whether apdbg works here."""
    checks = doctor()
    return as_text(checks), all(check.state != "bad" for check in checks)


def as_text(checks: tuple[Check, ...]) -> str:
    """One line for each check, in columns, and a sentence at the end."""
    width = max(len(check.what) for check in checks)
    lines = [f"{check.state:4}  {check.what:{width}}  {check.detail}" for check in checks]
    bad = [check.what for check in checks if check.state == "bad"]
    if bad:
        verdict = f"apdbg does not work here: see {', '.join(bad)}."
    else:
        verdict = "Everything that apdbg needs works here."
    rows = [line.rstrip() for line in lines]
    return "\n".join([*rows, "", verdict, f"Next: {next_step(checks)}."])


def next_step(checks: tuple[Check, ...]) -> str:
    """What to type now: the first thing that keeps apdbg from working, or else what suits the
    terminal."""
    for check in checks:
        if check.state == "bad":
            return _REPAIRS.get(check.what, f"`{_AGAIN}` brings {check.what}")
    terminal = next((one.detail for one in checks if one.what == "terminal"), "")
    steps = (step for sign, step in _STEPS if sign in terminal)
    return next(steps, "`apdbg` opens the sample shim, c boots it; `apdbg tour` teaches it all")


def _python() -> Check:
    found = f"{platform.python_version()} ({platform.system()} {platform.machine()})"
    if sys.version_info[:2] < PYTHON_MIN:
        return Check("Python", "bad", f"{found}; 3.11 or newer is needed")
    return Check("Python", "ok", found)


def _dependency(name: str, module: str) -> Check:
    try:
        import_module(module)
        return Check(name, "ok", metadata.version(name))
    except metadata.PackageNotFoundError:
        return Check(name, "note", "can be imported, but its version is not known")
    except ModuleNotFoundError as error:
        return Check(name, "bad", f"not installed: there is no module {error.name}")
    except (ImportError, OSError) as error:
        return Check(name, "bad", f"installed, but cannot be loaded: {_first_line(error)}")


def _emulator() -> Iterator[Check]:
    """The emulator is asked for each behaviour that apdbg relies on."""
    try:
        from emu.hw.selftest import self_test

        results = self_test()
    except (ApdbgError, ImportError, OSError, AttributeError) as error:
        yield Check("emulator", "bad", f"cannot be tested: {_first_line(error)}")
        return
    for result in results:
        detail = result.what if result.holds else f"not so: {result.what} ({result.found})"
        yield Check("emulator", "ok" if result.holds else "bad", detail)


def _samples() -> Check:
    try:
        from emu.boot.samples import samples_dir

        place = samples_dir()
    except (ApdbgError, ImportError) as error:
        return Check("samples", "bad", _first_line(error))
    missing = [name for name in SAMPLES if not (place / name).is_file()]
    if missing:
        return Check("samples", "bad", f"{place}: lacks {', '.join(missing)}")
    return Check("samples", "ok", str(place))


def _terminal(
    settings: Mapping[str, str], on_terminal: bool, size: os.terminal_size
) -> Iterator[Check]:
    """Size, colour and letters; a screen that is too small or plain is only a note."""
    if not on_terminal:
        detail = f"{NO_TERMINAL}: `apdbg run` works, the screen needs one"
        yield Check("terminal", "note", detail)
        return
    found = f"{size.columns}x{size.lines}"
    if why := places_no_text(settings):
        yield Check("terminal", "note", f"{found}; {why}")
    elif size.columns < COLUMNS_MIN or size.lines < LINES_MIN:
        advice = f"{COLUMNS_MIN}x{LINES_MIN} {TOO_SMALL}"
        yield Check("terminal", "note", f"{found}: {advice}")
    else:
        yield Check("terminal", "ok", found)
    yield Check("colour", "ok", _colour(settings))
    if "utf" not in (sys.stdout.encoding or "").lower():
        yield Check("letters", "note", f"{sys.stdout.encoding}: lines and marks need UTF-8")


def _colour(settings: Mapping[str, str]) -> str:
    """What the environment promises; the screen says everything in words too."""
    if settings.get("NO_COLOR"):
        return "none (NO_COLOR is set)"
    if settings.get("COLORTERM", "") in ("truecolor", "24bit"):
        return "16 million"
    return "256" if "256" in settings.get("TERM", "") else "16"


def _tool(name: str, purpose: str) -> Check:
    found = shutil.which(name)
    if found:
        return Check(name, "ok", f"{found} (not needed: {purpose})")
    return Check(name, "note", f"not found, and not needed: {purpose}")


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0]
