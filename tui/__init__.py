"""The screen and the command line of apdbg."""

import atexit
import gc
from typing import Final

GC_THRESHOLD: Final = (100_000, 50, 100)
"""Looking for cycles among what was just loaded, or among the objects of a thousand CPUs,
takes as long as three frames, and there are next to none."""

gc.set_threshold(*GC_THRESHOLD)  # here, since loading the rest is the first that gains by it
atexit.register(gc.freeze)  # what is left goes with the process: Python need not take it apart
