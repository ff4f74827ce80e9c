"""A kind of words: what is explained of each, in two languages."""

from emu import open_session

NEW = {
    "emu/texts/explain/en/greeting.toml": """\
kind = "a greeting"

["good morning"]
text = "What the program says in the morning, to whom it is told, and to nobody else."
see = ["tick"]
also = ["morning"]
""",
    "emu/texts/explain/zh/greeting.toml": """\
kind = "问候语"

["good morning"]
text = "程序早上对人说的话。"
""",
}
LINES: dict[str, tuple[tuple[str, str], ...]] = {}


def uses() -> None:
    session = open_session(platform="none", cpus=1)
    said = session.do("?morning").reply
    assert said[0] == "good morning: a greeting"
    assert said[-1] == "  see also: tick"
    assert any("good morning" in line for line in session.do("help").reply)
