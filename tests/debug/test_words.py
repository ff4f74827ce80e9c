"""Any words whatever: each command is carried out or refused in a sentence, and all rooms can
be looked at behind it."""

import random
from typing import get_args

import pytest

from emu import open_session
from emu.debug import language
from emu.debug.aliases import ALWAYS
from emu.errors import ApdbgError
from emu.picture.view import Section

COMMANDS = sorted(
    language.BY_WORD.keys()
    - {"save", "export", "run", "until", "finish", "next", "next-change", "reverse-run"}
    - {"reverse-finish", "reverse-next", "executed", "accessed", "last-writer"}
    - {"previous-change", "goto", "step", "schedules", "profile", "compare", "first-reader"}
)
"""All but those that write files or run for long."""
WORDS = [*COMMANDS, *(one.word for one in ALWAYS if one.ours.split()[0].strip(",") in COMMANDS)]
"""And the aliases of these."""
PIECES = (
    "rax", "rsp", "[rsp]", "0", "0x0", "-1", "0xffffffffffffffff", "gpa:", "gpa:0x8000000",
    "hpa:0xffffffffff", "hpa:0", "gva:0x123", "mailbox", "mailbox.command", "as", "table",
    "vmcb", "ap_record", "cpu", "cpu 9", "tree", "diff", "1", "7", "L3", "root", "read",
    "write", "if", "after", "once", "log", "kernel", "host", "/cpus", "(", "]", '"x"',
    "de ad", "parked", "3-7", "exit", "mode", "cr3", "all", "first", "=", "npt:0x8000000",
    "pte:rsp", "%", "#1", "/4", "/0", "dtb:/cpus/cpu@1/reg", "99999999999999999999", "_start",
    "shim/main.c:10", "mailbox_wait", "$rax", "*$pc", "L8", "8gx", "?", "@rip", ":", "$",
)  # fmt: skip


@pytest.mark.parametrize("platform", ["tdx", "vbs", "sipi", "none"])
def test_any_words_are_carried_out_or_refused_in_a_sentence(platform: str) -> None:
    dice = random.Random(platform)
    session = open_session(platform=platform, cpus=3)
    session.do("until mailbox_ack")
    session.looks.wanted = frozenset(get_args(Section))
    for _ in range(400):
        words = [dice.choice(WORDS), *dice.choices(PIECES, k=dice.randrange(4))]
        try:
            session.do(" ".join(words))
        except ApdbgError as error:
            assert str(error) and "\n" not in str(error), words
        assert session.view().sections.memory is not None, words
