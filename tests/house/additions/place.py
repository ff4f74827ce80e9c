"""A place: a word before a colon, and which bytes of memory it means."""

from tests.guest import SHARED, boot, read

NEW: dict[str, str] = {}
LINES = {
    "emu/words/place.py": (
        (
            '"npt": _npt, "pte": _pte, "dtb": _dtb,',
            '\n    "top": lambda machine, cpu, count, _: _memory(\n'
            "        machine, cpu, f\"gva:{cpu.registers.get('rsp'):#x}/{count}\"\n"
            "    ),",
        ),
    ),
}


def uses() -> None:
    session = boot("mov esp, {SHARED} + 8\nnop\npush 7\ndone: nop\nhlt")
    session.do("run 2")
    session.do("set top:4=5")
    assert read(session, SHARED + 8) == 5
    session.do("break done if top:8 == 7")
    assert session.do("run").stop[0].kind == "breakpoint"
    assert session.do("print top:8").reply[0].endswith("7")
