"""The commands that need no screen: `apdbg run`, `record` and `campaign`."""

import argparse
import signal
import time
from pathlib import Path

from emu import Session, open_session
from emu.debug import report, script
from emu.debug.kept_state import keep, kept
from emu.errors import ApdbgError, CommandError
from emu.given.files import live_file, new_file
from emu.given.number import parsed
from emu.judge.report import RunReport
from emu.judge.rule_verdicts import words
from emu.judge.same_faults import FOR_EVER
from tui.alive import Alive
from tui.exit_codes import EXIT_EXPECTED, EXIT_OTHERWISE
from tui.printing import say, say_json
from tui.signals import end, handled, interrupts
from tui.stretches import carry_out


def opened(options: argparse.Namespace) -> Session:
    """The session that the options ask for; raises ApdbgError."""
    return open_session(
        options.image, platform=options.platform, cpus=options.cpus,
        possible=options.possible, memory=options.memory, seed=options.seed,
        kernel=options.kernel, initrd=options.initrd, cmdline=options.cmdline,
        host_dtb=options.host_dtb, max_ticks=options.max_ticks,
        schedule=options.schedule, inject=options.inject,
        watchdog=getattr(options, "watchdog", 0), symbols=options.symbols,
        same_faults=FOR_EVER, ap_loop=options.ap_loop, at=options.at, mailbox=options.mailbox,
        loop_mode=options.loop_mode, loop_entry=options.loop_entry,
        loop_reset=options.loop_reset, sidecar=options.sidecar, reset=options.reset,
        persisted=options.persisted, igvm_base=options.igvm_base, load=tuple(options.load),
        loop_plan=options.loop_plan, sources=options.source,
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """`apdbg run`: the report on stdout, and an exit code that says how it went."""
    began = time.perf_counter()
    session = opened(options)
    if options.keep:
        kept(session.desk)  # whether there is anything to keep
    go(session, options)
    found = report.of(session.desk, began, options.races, brief=not options.json)
    if options.json:
        say_json(report.as_json(found))
    else:
        say(report.as_text(found))
        if session.desk.setup.options.ap_loop:
            say("\n".join((session.desk.judge.loop(), *words(found.rules))))
    if options.keep:
        keep(session.desk, options.keep)
    return judged(session, found, options.until, options.expect)


def judged(session: Session, found: RunReport, until: str | None, expect: str | None) -> int:
    """The exit code that says how a run went; `expect`: the outcome that alone counts."""
    code = session.exit_code
    if code is not None and not expect:
        return code & 0xFF
    expected = expect or ("stopped" if until else "booted")
    # Who asks for a certain outcome has it judged by that alone.
    broken = (found.broken or found.unwell) and not expect
    return EXIT_EXPECTED if found.outcome == expected and not broken else EXIT_OTHERWISE


def written_report(options: argparse.Namespace) -> int:
    """`apdbg report`: the diagnosis as one Markdown file."""
    from emu.export.markdown import markdown

    session = opened(options)
    go(session, options)
    words = markdown(report.of(session.desk, races=options.races))
    if options.output is None:
        say(words.rstrip("\n"))
        return EXIT_EXPECTED
    with new_file(options.output) as file:
        file.write(words.encode())
    say(f"{options.output}: {len(words.encode()):,} bytes")
    return EXIT_EXPECTED


def campaign(options: argparse.Namespace) -> int:
    """`apdbg campaign`: a line for each case as it ends, then how many were as expected."""
    import json

    from emu.debug import campaign as campaigns
    from emu.debug import recovery

    path = Path(options.file) if options.file else recovery.of_the_samples()
    cases = [
        case
        for case in recovery.read(path)
        if options.platform in (None, case.platform) and options.only in case.name
    ]
    if not cases:
        raise ApdbgError(f"{path}: no case is left by --platform and --only")
    began = time.perf_counter()
    wanted = campaigns.Campaign(
        options.image, options.cpus, options.seed, options.kernel, tuple(cases)
    )
    results = []
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # of a machine's process that has ended
    alone = options.jobs == 1  # else machines are processes of their own
    with handled(end if alone else signal.default_int_handler):
        for result in campaigns.run(wanted, options.jobs):
            results.append(result)
            if not options.json:
                say("\n".join(campaigns.as_text(result)))
    bad = sum(bool(result.problems) for result in results)
    wall = time.perf_counter() - began
    if options.json:
        cases_json = [campaigns.as_json(result) for result in results]
        say_json(json.dumps({"schema": "apdbg-campaign/1", "bad": bad, "cases": cases_json,
                             "wall_s": round(wall, 3)}))  # fmt: skip
    else:
        say(f"\n{len(results)} cases, {bad} not as expected, {wall:.1f} s")
    return EXIT_OTHERWISE if bad else EXIT_EXPECTED


def record(options: argparse.Namespace) -> int:
    """`apdbg record`: every stretch of the run is on the disk before the next begins."""
    began = time.perf_counter()
    session = opened(options)
    with live_file(options.output) as file:
        session.record(file)
        go(session, options)
        session.end_recording()
        size = file.tell()
    say(report.as_text(report.of(session.desk, began, brief=True)))
    say(f"{options.output}: {size:,} bytes; `apdbg replay {options.output}` opens it")
    return EXIT_EXPECTED


def go(session: Session, options: argparse.Namespace) -> None:
    """The commands of the script, and then on to the end or the place that was asked for."""
    if options.script:
        path = Path(options.script)
        for number, words in script.read(path):
            try:
                _carry_out(session, words)
            except CommandError as error:
                raise script.ScriptError(f"{path}:{number}: {error}") from None
    _carry_out(session, _destination(options.until))


def _destination(until: str | None) -> str:
    """The command that goes there: to a place, to `tick N`, or to the end."""
    if until is None:
        return "run"
    word, _, tick = until.partition(" ")
    return f"goto {tick}" if word == "tick" and parsed(tick) is not None else f"until {until}"


def _carry_out(session: Session, words: str) -> None:
    """A command, with signs of life on stderr; raises KeyboardInterrupt where Ctrl-C was
    heard."""
    alive = Alive(session, time.monotonic)
    with interrupts() as heard:
        if not carry_out(session, words, alive.look, heard):
            raise KeyboardInterrupt
