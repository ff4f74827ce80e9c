"""`apdbg what-if`: the same CPUs brought up in other ways, each run and none guessed."""

import argparse
import json

from emu.debug.what_if import Load, Taken, counts_of, taken, ways_of
from emu.debug.what_if_told import as_json, as_text
from tui.exit_codes import EXIT_EXPECTED
from tui.printing import say, say_json


def what_if(options: argparse.Namespace) -> int:
    """Run every way with every number of CPUs; raises ApdbgError."""
    load = Load(options.own, options.online)
    counts, ways = counts_of(options.cpus), ways_of(options.way)
    found: list[Taken] = [
        taken(way, count, load, ends=options.ends) for count in counts for way in ways
    ]
    if options.json:
        say_json(json.dumps(as_json(found, load)))
    else:
        say(as_text(found, load))
    return EXIT_EXPECTED
