"""`apdbg what-if`: the same CPUs brought up in other ways, each run and none guessed."""

import argparse
from contextlib import ExitStack

from emu.debug.what_if import ApLoad, all_taken, counts_of
from emu.debug.what_if_chart import svg
from emu.debug.what_if_report import reported
from emu.debug.what_if_told import as_text
from emu.debug.what_if_ways import ways_of
from emu.given.files import new_file
from emu.profile.profile import as_json
from tui.exit_codes import EXIT_EXPECTED
from tui.printing import say, say_json


def what_if(options: argparse.Namespace) -> int:
    """Run every way with every number of CPUs; raises ApdbgError."""
    load = ApLoad(options.own, options.online, options.accept, options.small_pages)
    counts, ways = counts_of(options.cpus), ways_of(options.way)
    with ExitStack() as stack:
        name = options.svg  # opened before minutes of runs
        drawn = None if name is None else stack.enter_context(new_file(name))
        cells = [(way, count) for count in counts for way in ways]
        found = all_taken(cells, load, ends=options.ends, jobs=options.jobs)
        if drawn is not None:
            drawn.write(svg(reported(found, load)).encode())
    if options.json:
        say_json(as_json(reported(found, load)))
    else:
        say(as_text(found, load))
    return EXIT_EXPECTED
