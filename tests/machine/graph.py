"""Every attribute under a machine, found by looking and not by a list."""

from array import array
from enum import Enum
from typing import Final

from emu.hw.context import STATE_BYTES, Context

EXCUSED: Final[dict[str, str]] = {
    "Engine": "the library and its hooks: it keeps translations, and no state of a guest",
    "WaitGroup.indexes": "registers of sleepers by value: found anew by whoever asks",
    "Waits._own": "what may be changed in place: nothing that a snapshot holds",
    "CodeReader": "walks that are held against the entries they read each time they are used",
    "OwnAccess": "as CodeReader",
    "Copies": "where bytes of pages stand in images: a function of both",
    "CodeModes": "how code was seen executed: knowledge that going back does not undo",
    "FoldedLog._starts": "as Log._tail",
    "HostMemory": "bytes are the undo log's, and the digest tells whether they are back",
    "OwnCode": "code that is translated: all of it is forgotten by going back",
    "BootLayout": "what was loaded does not change; its tables are parsed when asked for",
    "Board.at_work": "whose instruction it is: means something only while there is one",
    "Board.reschedule": "ends a slice: between two there is none",
    "UndoLog.stale": "pages to be hashed anew: more of them than need be do no harm",
    "NestedPageTable.edits": "counts changes, going back too: walks are looked at again by it",
    "NestedPageTable._special": "pages to be looked at one by one: it only grows",
    "Log._tail": "what lies behind `now` is the known future",
    "Log._sealed": "as Log._tail",
    "Log._count": "as Log._tail",
    "Log._open": "chunks read lately",
    "Lanes._starts": "as Log._tail",
    "Lanes._cpus": "as Log._tail",
    "Lanes._begin_ps": "as Log._tail",
    "FailedCalls._ignored": "what code looks at, by the code's place: a function of memory",
    "StartCells._loads": "what code loads, by the code's place: a function of memory",
    "Witness._loads": "what code loads, by the code's place: a function of memory",
}
"""Class, or class and attribute -> why it may be another one after going back."""

Graph = dict[str, object]
_VALUES: Final = (dict, list, tuple)


def graph(root: object) -> Graph:
    """Path -> value of every leaf; a path names the attributes on the way. What has an identity
    is looked at once, by the shortest way to it."""
    found: Graph = {}
    seen: set[int] = set()
    waiting = [(root, type(root).__name__)]
    for one, path in waiting:
        leaf = _leaf(one)
        if leaf is None and not isinstance(one, _VALUES):
            if id(one) in seen:
                continue
            seen.add(id(one))
        parts = {} if leaf is not None else _parts(one)
        found[path] = (type(one).__name__, len(parts)) if leaf is None else leaf
        waiting += [(part, path + name) for name, part in parts.items()]
    return found


def _leaf(one: object) -> object:
    """What is compared as it is; None for what is made of parts."""
    if one is None or isinstance(one, int | float | str | bytes | Enum):
        return repr(one)
    if isinstance(one, bytearray | array):
        return bytes(one)
    if isinstance(one, Context):
        return one._raw(0, STATE_BYTES)
    return frozenset(one) if isinstance(one, frozenset | set) else None


def _parts(one: object) -> dict[str, object]:
    """What an object is made of, by how it is reached; nothing for what is not ours."""
    if isinstance(one, dict):
        return {f"[{key!r}]": value for key, value in one.items()}
    if isinstance(one, list | tuple) and not hasattr(one, "_fields"):
        return {f"[{index}]": value for index, value in enumerate(one)}
    kinds = type(one).__mro__
    if not type(one).__module__.startswith("emu.") or kinds[0].__name__ in EXCUSED:
        return {}
    names = [name for kind in kinds for name in getattr(kind, "__slots__", ())]
    names += getattr(one, "__struct_fields__", ())
    names += getattr(one, "_fields", ())
    names += getattr(one, "__dict__", ())
    named = {kind.__name__ for kind in kinds}
    return {
        f".{name}": getattr(one, name)
        for name in dict.fromkeys(names)
        if not any(f"{kind}.{name}" in EXCUSED for kind in named)
    }


def differing(before: Graph, after: Graph) -> dict[str, tuple[object, object]]:
    """The paths whose values are not the same, with both."""
    return {
        path: (before.get(path), after.get(path))
        for path in before.keys() | after.keys()
        if before.get(path) != after.get(path)
    }
