"""A kind of catch: a word for exits, for events, or for registers."""

from tests.guest import boot

NEW: dict[str, str] = {}
LINES = {
    "emu/debug/catch.py": (
        ('"port", "exception",', '\n    "pause",'),
        ('"state", "serial", "log"', ', "inject"'),
        ('"efer": ("efer",),', ' "stack": ("rsp",),'),
    ),
}


def uses() -> None:
    session = boot("nop\npush rax\npause\nnop\nhlt")
    session.do("inject flip-register 0 rbx 3 at tick 4")
    for words in ("catch stack", "catch pause", "catch inject"):
        session.do(words)
    stops = [session.do("run").stop[0].text for _ in range(3)]
    assert stops[0].startswith("catch 1: stack ")
    assert "catch 2 pause" in stops[1] and "catch 3 inject" in stops[2]
