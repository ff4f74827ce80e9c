"""Exports keep the rules of their formats, whatever the guest has written."""

import json
import xml.etree.ElementTree as ElementTree
from html import escape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from emu import open_session
from emu.export import chrome, page
from emu.export.history import BranchHistory, history

PLATFORMS = ("tdx", "vbs", "sipi", "none")
VOID = {"meta", "input"}


def of_boot(platform: str = "tdx", cpus: int = 4) -> BranchHistory:
    session = open_session(platform=platform, cpus=cpus)
    session.do("run")
    return history(session.machine, "booted", "all came online")


class Tags(HTMLParser):
    """Fails where a tag is closed that is not open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        assert not {"src", "href"} & {name for name, _ in attrs}, "nothing comes from outside"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_trace_keeps_the_rules_of_the_format(platform: str) -> None:
    found = of_boot(platform)
    trace = json.loads(chrome.trace(found))
    lanes = {
        e["tid"]: e["args"]["name"] for e in trace["traceEvents"] if e["name"] == "thread_name"
    }
    assert [lanes[cpu] for cpu in range(4)] == [f"cpu {n} (apic {n})" for n in range(4)]
    for event in trace["traceEvents"]:
        assert {"ph", "ts", "pid", "tid", "name"} <= set(event)
        assert event["ph"] in ("M", "X", "i", "s", "f") and event["tid"] in (*lanes, 0)
        assert event["ph"] != "X" or event["dur"] >= 0
    spans = [e for e in trace["traceEvents"] if e["name"] == "running"]
    assert sum(e["args"]["instructions"] for e in spans) == found.ticks
    starts = [e["id"] for e in trace["traceEvents"] if e["ph"] == "s"]
    ends = [e["id"] for e in trace["traceEvents"] if e["ph"] == "f"]
    assert starts == ends and len(starts) >= 3


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_page_is_whole_and_alone(platform: str) -> None:
    text = page.page(of_boot(platform)).decode()
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    assert tags.seen.count("svg") == 2 and "No findings." in tags.text
    assert "http" not in text and "mailbox command = Wakeup" in tags.text
    for start in (at for at in range(len(text)) if text.startswith("<svg", at)):
        picture = ElementTree.fromstring(text[start : text.index("</svg>", start) + 6])
        rows = sorted({float(t.attrib["y"]) for t in picture.iter("text")})
        assert all(b - a >= 14 for a, b in pairwise(rows))


def test_what_a_guest_writes_stays_text() -> None:
    found = of_boot("vbs", 2)
    bad = "<script>alert(1)</script>"
    events = (*found.events, replace(found.events[0], text=bad))
    found = replace(found, image=bad, reason=bad, events=events, findings=(bad,))
    text = page.page(found).decode()
    assert text.count("<script>") == 1
    assert text.count("&lt;script&gt;") >= 4


def test_a_page_of_many_cpus_says_what_it_leaves_out() -> None:
    found = of_boot("vbs", 2)
    many = replace(
        found, apic_ids=tuple(range(1024)), ps_per_instruction=(500,) * 1024,
        events=found.events * 400,
    )  # fmt: skip
    text = page.page(many).decode()
    assert len(text) < 5_000_000
    assert "896 more CPUs are left out here." in text
    assert "more events are left out here." in text


def test_files_are_written_by_their_ending(tmp_path: Path) -> None:
    session = open_session(platform="none", cpus=2)
    session.do("run 5000")
    for name in ("a.json", "a.html"):
        (line,) = session.do(f"export {tmp_path / name}").reply
        assert line.endswith(f"{(tmp_path / name).stat().st_size:,} bytes")


def test_a_page_of_a_broken_boot_lists_its_findings(tmp_path: Path) -> None:
    image = Path(__file__).parents[2] / "samples" / "gallery" / "no-ack.elf"
    session = open_session(str(image), platform="tdx", cpus=2)
    session.do("run")
    session.do(f"export {tmp_path / 'a.html'}")
    text = (tmp_path / "a.html").read_text()
    assert "No findings." not in text
    assert all(escape(one.text) in text for one in session.findings())
