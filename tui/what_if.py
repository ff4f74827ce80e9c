"""`apdbg what-if`: the same CPUs brought up in other ways, each run and none guessed."""

import argparse

from emu.debug.what_if import ApLoad, WayTaken, counts_of, taken, ways_of
from emu.debug.what_if_chart import svg
from emu.debug.what_if_report import reported
from emu.debug.what_if_told import as_text
from emu.given.files import new_file
from emu.profile.profile import as_json
from tui.exit_codes import EXIT_EXPECTED
from tui.printing import complain, say, say_json


def what_if(options: argparse.Namespace) -> int:
    """Run every way with every number of CPUs; raises ApdbgError."""
    load = ApLoad(options.own, options.online)
    counts, ways = counts_of(options.cpus), ways_of(options.way)
    found: list[WayTaken] = [
        taken(way, count, load, ends=options.ends) for count in counts for way in ways
    ]
    if options.json:
        say_json(as_json(reported(found, load)))
    else:
        say(as_text(found, load))
    if options.svg is not None:
        picture = svg(reported(found, load)).encode()
        with new_file(options.svg) as file:
            file.write(picture)
        complain(f"{options.svg}: {len(picture):,} bytes")
    return EXIT_EXPECTED
