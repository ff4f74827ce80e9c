"""No symbol of the sample stands in the product but in the table of its family."""

import re
from typing import Final

from emu.boot.image import load_image
from emu.boot.roles import SAMPLE
from tests.house.tree import ROOT, name, python_files

PF_X: Final = 1
HOME: Final = "emu/boot/roles.py"
OF_THE_SAMPLE: Final = "emu/tour/lessons/"
"""Lessons are about the sample itself."""
PLAIN: Final = {
    "reset_vector": "where an x86 CPU begins (SDM 3, 10.1.4)",
    "mailbox_command": "a kind of words that are explained",
}
"""Symbol -> why the product may say that word all the same. Symbols of one word (`refuse`,
`exception`, `print`) are English and not looked for."""


def sample_symbols() -> frozenset[str]:
    """The names of two words or more that the packaged images have for their own code and for
    data with a role."""
    found = {symbol for _, symbol in SAMPLE.data}
    for path in (ROOT / "samples").glob("*.elf"):
        image = load_image(path)
        code = [s for s in image.segments if s.flags & PF_X]
        found |= {
            symbol.name
            for symbol in image.symbols
            if any(s.address <= symbol.address < s.address + s.memory_bytes for s in code)
        }
    return frozenset(one for one in found if re.fullmatch(r"\w*[a-z]\w*_\w*[a-z0-9]\w*", one))


def test_the_product_asks_for_roles_and_not_for_symbols() -> None:
    wanted = sample_symbols() - set(PLAIN)
    told = [
        f"{name(path)}:{number}: {word}"
        for path in python_files("emu", "tui")
        if name(path) != HOME and not name(path).startswith(OF_THE_SAMPLE)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for word in re.findall(r"\w+", line)
        if word in wanted
    ]
    assert not told


def test_every_excuse_is_a_symbol() -> None:
    assert set(PLAIN) <= sample_symbols()
