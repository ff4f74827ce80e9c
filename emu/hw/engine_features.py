"""The emulator executes what CPUID offers (`emu.hw.features`), and finds the rest undefined.

Unicorn offers fixed models of CPUs only. Its feature words lie right behind what a context
holds, so a context that says it is longer reads them, and writes them back: the library copies
as many bytes as the context's own header says. Places are those of unicorn 2.1.4; the words
that must be found there are those of its EPYC.
"""

import ctypes
import struct
from typing import Any, Final

from emu.errors import EngineError
from emu.hw import engine_native as native
from emu.hw.context import OFFSETS, STATE, STATE_BYTES
from emu.hw.features import FeatureWord, executed

_MORE: Final = 0x140
"""Bytes behind the state that are read: all feature words lie there."""
_WORDS: Final = STATE_BYTES + 0x40
_PLACES: Final[dict[FeatureWord, int]] = {
    "1.edx": _WORDS, "1.ecx": _WORDS + 8, "7.ebx": _WORDS + 16, "7.ecx": _WORDS + 24,
    "80000001.edx": _WORDS + 48, "80000001.ecx": _WORDS + 56, "d.1.eax": _WORDS + 152,
    "d.0.eax": _WORDS + 168,
}  # fmt: skip
"""Where the emulator has each: 64 bits, of which the lower half is used (`FeatureWord`)."""
_EPYC: Final[dict[FeatureWord, int]] = {
    "1.edx": 0x078B_FBFD, "1.ecx": 0xC6D8_220B, "7.ebx": 0x0098_0189, "7.ecx": 0,
    "80000001.edx": 0x2DD3_FBFD, "80000001.ecx": 0x75, "d.1.eax": 5, "d.0.eax": 7,
}  # fmt: skip
_XCR0_RESET: Final = 1
"""The x87 state and nothing else (SDM 1, 13.3)."""


def limit_to_offered(handle: Any, context: Any) -> None:
    """Make an engine that has not run yet, with a context of its own, such a processor.

    Raises EngineError where the words are not where 2.1.4 has them."""
    longer = ctypes.create_string_buffer(STATE + STATE_BYTES + _MORE)
    ctypes.memmove(longer, context, STATE)
    struct.pack_into("<Q", longer, 0, STATE_BYTES + _MORE)
    native.save(handle, longer)
    found = {word: _word(longer, place) for word, place in _PLACES.items()}
    if found != _EPYC:
        raise EngineError("unicorn: the processor's features are not where 2.1.4 has them")
    for word, mask in executed().items():
        struct.pack_into("<Q", longer, STATE + _PLACES[word], mask)
    struct.pack_into("<Q", longer, STATE + OFFSETS["xcr0"], _XCR0_RESET)
    native.restore(handle, longer)


def _word(state: Any, place: int) -> int:
    (value,) = struct.unpack_from("<Q", state, STATE + place)
    assert isinstance(value, int)
    return value
