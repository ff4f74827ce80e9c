"""`apdbg replay`: a recording is carried out again and opened at its end."""

import argparse
from pathlib import Path

from emu.debug import recording
from emu.debug.opening import replay_session
from tui.exit_codes import EXIT_EXPECTED, EXIT_OTHERWISE
from tui.printing import complain, say
from tui.signals import interrupts
from tui.start_screen import choose, show


def replay(options: argparse.Namespace) -> int:
    """`apdbg replay`: what differs is said; then the screen, or an export, or only that."""
    found = recording.read(Path(options.file))
    if not options.check and not options.export:
        choose(options)
    with interrupts() as heard:
        session, said = replay_session(
            found, options.image, options.kernel, heard, options.source
        )
        if heard():
            raise KeyboardInterrupt
    for sentence in said:
        complain(sentence)
    if options.export:
        word = "report" if options.export.endswith(".md") else "export"
        say(session.do(f"{word} {options.export}").reply[0])
    if options.check:
        ticks = f"{session.machine.board.tick:,} instructions"
        say(f"{options.file}: {ticks}, digest {session.digest()}")
    if options.check or options.export:
        drifts = any("drift" in sentence for sentence in said)
        return EXIT_OTHERWISE if drifts else EXIT_EXPECTED
    return show(session, options)
