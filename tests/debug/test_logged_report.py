"""What a guest has logged in its own memory stands in the report of its run."""

import json

from emu import Session
from emu.boot.layout import Region
from emu.debug import report
from emu.export.markdown import markdown
from tests.guest import BASE, Guest

LOG = BASE + 0x10_0000
LOGS = f"""
    mov ebx, {LOG:#x}
    mov word ptr [rbx], 8186
    mov dword ptr [rbx + 2], 0
    mov dword ptr [rbx + 6], 0x68000201
    mov byte ptr [rbx + 10], 'i'
    mov word ptr [rbx + 2], 5
"""
PRINTS = "mov dx, 0x3f8\n mov al, 'x'\n out dx, al\n mov al, 10\n out dx, al\n"


def ended(source: str) -> Session:
    """A guest that logs `hi` as a warning, and then does what the source says."""
    session = Guest(f"{LOGS}{source} hlt", regions=(Region("log", LOG, 0x2000),)).boot()
    session.do("run")
    return session


def test_lines_are_told_where_no_serial_line_tells_them() -> None:
    found = report.of(ended("").desk)
    assert report.as_text(found).startswith("[WARN] hi\n\n")
    assert "## The guest's own log, its end" in markdown(found)
    told = json.loads(report.as_json(found))["log"]
    assert told == [{"tick": 6, "cpu": 0, "level": "warn", "text": "[WARN] hi"}]


def test_a_serial_line_is_told_before_them() -> None:
    found = report.of(ended(PRINTS).desk)
    assert report.as_text(found).startswith("x\n\n")
    assert len(found.log) == 1 and "## Serial line, its end" in markdown(found)
