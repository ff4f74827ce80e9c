"""`apdbg profile` and `apdbg compare`: where the time of boots and recordings went."""

import argparse
from pathlib import Path

from msgspec.structs import replace

from emu import Session
from emu.debug import recording, report
from emu.debug.opening import is_recording, replay_session
from emu.debug.profiling import measured, profile_of, secrets_of
from emu.errors import ApdbgError
from emu.given.files import new_file
from emu.profile.profile import as_json, chosen
from tui.command_line import parser_of
from tui.exit_codes import EXIT_EXPECTED, EXIT_OTHERWISE
from tui.headless import go, judged, opened
from tui.printing import complain, say, say_json
from tui.signals import interrupts


def profile(options: argparse.Namespace) -> int:
    """`apdbg profile`: exit codes are those of `run`, or of `replay` for a recording."""
    kinds = chosen(options.section)
    session, code = _session(options)
    found, cost = measured(session.desk, kinds)
    for sentence in cost:
        complain(sentence)
    rows = list(found.lines())
    if options.secret is not None:
        seen = secrets_of(session.desk, options.secret)
        found = replace(found, sections=found.sections | {"secrets": seen})
        rows += ["", "-- secrets: what can be seen of a secret", *seen.lines()]
    words = as_json(found) if options.json else "\n".join(rows)
    if options.output is not None:
        with new_file(options.output) as file:
            file.write(f"{words}\n".encode())
        say(f"{options.output}: {len(words) + 1:,} bytes")
    elif options.json:
        say_json(words)
    else:
        say(words)
    return code


def compare(options: argparse.Namespace) -> int:
    """`apdbg compare`: 1 where one of the recordings drifted, whatever differs between them."""
    from emu.debug.booted import booted_with
    from emu.profile.comparing import compared, needed

    profiles, booted, code = [], [], EXIT_EXPECTED
    names = options.first, options.second
    for name in names:
        session, one = replayed(name)
        profiles.append(profile_of(session.desk, needed()))
        booted.append(booted_with(session.desk))
        code = max(code, one)
    found = compared(names, profiles[0], profiles[1], (booted[0], booted[1]))
    if options.json:
        say_json(as_json(found))
    else:
        say("\n".join(found.lines()))
    return code


def _session(options: argparse.Namespace) -> tuple[Session, int]:
    """What is looked at, at its end, and the exit code that says how it went."""
    if is_recording(options.image):
        _refuse_others(options)
        return replayed(options.image)
    session = opened(options)
    go(session, options)
    found = report.of(session.desk, brief=True)
    return session, judged(session, found, options.until, None)


def _refuse_others(options: argparse.Namespace) -> None:
    """A recording says itself what was booted, how far and with what."""
    usual = vars(parser_of("profile").parse_args([options.image]))
    given = {name for name, value in usual.items() if getattr(options, name) != value}
    if others := sorted(given - {"json", "section", "output"}):
        option = "--" + others[0].replace("_", "-")
        raise ApdbgError(f"{options.image}: is a recording: {option} has no place here")


def replayed(name: str) -> tuple[Session, int]:
    """A recording's session at its end; raises ApdbgError."""
    found = recording.read(Path(name))
    with interrupts() as heard:
        session, said = replay_session(found, heard=heard)
        if heard():
            raise KeyboardInterrupt
    for sentence in said:
        complain(sentence)
    drifts = any("drift" in sentence for sentence in said)
    return session, EXIT_OTHERWISE if drifts else EXIT_EXPECTED
