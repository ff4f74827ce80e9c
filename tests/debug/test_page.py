"""The page: whole and alone, its stops, and its script."""

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from emu.debug.diagnosis import whole
from emu.export import page
from emu.export.axis import WIDTH, Axis
from emu.export.page import page as page_of
from emu.export.spans import LaneSpan
from emu.export.stops import STOPS_MAX, RecordedStop, choose
from tests.debug.exported import Tags, broken, ended, of_boot

MIB: Final = 1 << 20
PLATFORMS: Final = ("tdx", "vbs", "sipi", "none")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_page_is_whole_and_alone(platform: str) -> None:
    text = page.page(of_boot(platform)).decode()
    tags = Tags(text)
    assert tags.open == [] and len(set(tags.ids)) == len(tags.ids)
    assert "No findings." in tags.text and "mailbox command = Wakeup" in tags.text
    assert "http" not in text.replace("http-equiv", "")
    pictures = [at for at in range(len(text)) if text.startswith("<svg", at)]
    assert len(pictures) == 2
    for start in pictures:
        picture = ElementTree.fromstring(text[start : text.index("</svg>", start) + 6])
        assert picture.attrib["role"] == "img" and picture.attrib["aria-label"]
        rows = sorted({float(t.attrib["y"]) for t in picture.iter("text")})
        assert all(b - a >= 14 for a, b in pairwise(rows))


def test_a_page_lets_only_its_own_style_and_script_be_carried_out() -> None:
    import base64
    import hashlib

    text = page.page(of_boot("none", 1)).decode()
    (policy,) = re.findall(
        r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text
    )
    parts = dict(one.strip().split(" ", 1) for one in policy.split(";"))
    assert parts["default-src"] == "'none'"
    for tag in ("style", "script"):
        ((body),) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert parts[f"{tag}-src"] == f"'sha256-{digest}'"
    assert "unsafe" not in policy


def test_a_page_of_16_cpus_is_smaller_than_2_mb_and_one_of_many_has_bounds() -> None:
    assert len(page.page(of_boot("tdx", 16))) < 2 * MIB
    found = of_boot("vbs", 2)
    cpus = [replace(found.report.cpus[0], id=number) for number in range(1024)]
    many = replace(
        found, report=replace(found.report, cpus=cpus), ps_per_instruction=(500,) * 1024,
        events=found.events * 400, runs=found.runs * 400,
    )  # fmt: skip
    text = page.page(many).decode()
    assert len(text) < 3 * MIB
    assert "896 more CPUs are left out here." in text
    assert "more events are left out here." in text


def test_the_stops_of_a_page_are_what_stood_there() -> None:
    session = ended("degraded")
    found = whole(session.desk)
    tags = Tags(page_of(found).decode())
    recorded, stops = tags.recorded, found.stops.seen
    assert len(recorded["stops"]) == len(stops) > 40
    assert [one.stop.tick for one in stops] == sorted(one.stop.tick for one in stops)
    kinds = {one.stop.kind for one in stops}
    assert {"start", "end", "finding", "mailbox", "milestone"} <= kinds
    for shown, one in list(zip(recorded["stops"], stops, strict=True))[::7]:
        session.do(f"goto {one.stop.tick}")
        assert shown["text"] == one.stop.text and shown["text"] in tags.texts["stops"]
        if one.stop.cpu is not None and one.registers:
            values = session.registers(one.stop.cpu)
            assert shown["registers"] == [f"{values[name]:016x}" for name in recorded["names"]]
            assert shown["place"] == session.machine.board.place(
                session.machine.board.cpus[one.stop.cpu]
            )
        box = session.view().mailbox
        if box is not None:
            assert (
                box.command_name in shown["mailbox"] and f"{box.vector:#x}" in shown["mailbox"]
            )
        if shown["code"] >= 0:
            rows = recorded["code"][shown["code"]]["rows"]
            assert [row for row in rows if row[2]] or not rows
    assert all(0 <= one["x"] <= WIDTH for one in recorded["stops"])


def test_findings_and_mailbox_writes_are_kept_where_there_are_too_many_stops() -> None:
    def stop(tick: int, kind: str) -> RecordedStop:
        return RecordedStop(tick, tick, 0, kind, kind)  # type: ignore[arg-type]

    every = [
        stop(
            tick, "finding" if tick % 100 == 0 else "mailbox" if tick % 10 == 0 else "milestone"
        )
        for tick in range(5_000)
    ]
    chosen = choose(every, STOPS_MAX)
    assert len(chosen) == STOPS_MAX
    kinds = [one.kind for one in chosen]
    assert kinds.count("finding") == 50 and kinds.count("mailbox") == 350
    assert [one.tick for one in chosen] == sorted({one.tick for one in chosen})
    assert choose(every[:300], STOPS_MAX) == every[:300]


def test_a_stretch_in_which_everybody_waits_is_folded() -> None:
    tags = Tags(page_of(whole(ended("degraded").desk)).decode())
    assert "Folded (between dashed lines), as every CPU waits: " in tags.text
    assert "999.999 ms from 2.339 ms on" in tags.text


@given(
    st.lists(
        st.tuples(st.integers(0, 10**12), st.integers(0, 10**9), st.sampled_from("rw")),
        max_size=30,
    ),
    st.integers(0, 2 * 10**12),
)
def test_time_on_paper_only_grows(rows: list[tuple[int, int, str]], end: int) -> None:
    spans = [
        LaneSpan(0, "running" if kind == "r" else "waiting", begin, begin + length, 0)
        for begin, length, kind in rows
    ]
    end = max([end, *(span.end_ps for span in spans)])
    axis = Axis(spans, end)
    moments = sorted({0, end, *(e for s in spans for e in (s.begin_ps, s.end_ps))})
    places = [axis.at(moment) for moment in moments]
    assert places == sorted(places) and places[0] == 0 and places[-1] <= WIDTH
    for one in axis.folds:
        assert not [
            s for s in spans
            if s.doing == "running" and s.begin_ps < one.end_ps and one.begin_ps < s.end_ps
        ]  # fmt: skip


BROWSER: Final = """
const {stops, page} = JSON.parse(require("fs").readFileSync(0, "utf8"));
const listeners = {};
class Element {
  constructor(id) {
    Object.assign(this, {id, textContent: "", hidden: true, value: "", attributes: {}, acts: {},
                         style: {}, scrollWidth: 1000, clientWidth: 100, scrollLeft: 0});
  }
  addEventListener(kind, act) { this.acts[kind] = act; }
  setAttribute(name, value) { this.attributes[name] = String(value); }
  removeAttribute(name) { delete this.attributes[name]; }
  getAttribute(name) { return this.attributes[name]; }
  scrollIntoView() {}
  getBoundingClientRect() { return {left: 0, top: 0, width: 1000, height: 72}; }
}
const known = {};
const by = (id) => known[id] ??= new Element(id);
by("recorded").textContent = stops;
by("lanes").attributes.viewBox = "0 0 100000 72";
const count = JSON.parse(stops).stops.length;
const rows = Array.from({length: count}, (_, n) => new Element(`row${n}`));
const cells = (texts) => texts.map((textContent) => ({textContent}));
const {tick, cpu} = JSON.parse(stops).stops[7];
const events = [[tick, "", cpu === null ? "host" : `${cpu}`, "alpha"],
                ["999,999,999", "", "0", "beta"]].map((texts) =>
  Object.assign(new Element(texts[0]), {textContent: texts.join(" "), cells: cells(texts)}));
globalThis.document = {
  getElementById: by,
  querySelectorAll: (what) => what === "#stops tr" ? rows : events,
  addEventListener: (kind, act) => { listeners[kind] = act; },
};
eval(page);
const said = [];
const note = () => said.push({
  now: by("now").textContent, registers: by("registers").textContent,
  code: by("code").textContent, mailbox: by("box").textContent,
  row: rows.findIndex((row) => row.attributes["aria-current"] === "step"),
  marked: rows.filter((row) => row.attributes["aria-current"]).length,
  cursor: by("cursor").attributes.d, width: by("lanes").style.width,
  hidden: by("stepper").hidden, back: by("back").disabled, next: by("next").disabled,
});
const press = (key, target = by("body")) => {
  listeners.keydown({key, target, preventDefault() {}});
  note();
};
note();
press("j"); press("ArrowRight"); press("k"); press("ArrowLeft"); press("ArrowLeft");
by("last").acts.click(); note();
press("j");
rows[5].acts.click(); note();
press("+"); press("+"); press("-");
press("j", by("filter"));
by("lanes").acts.click({clientX: 1000, clientY: 70}); note();
by("place").value = "3"; by("place").acts.input(); note();
events[0].acts.click(); note();
events[1].acts.click(); note();
by("filter").value = "BETA 999"; by("filter").acts.input();
console.log(JSON.stringify({said, hidden: events.map((one) => one.hidden)}));
"""
NODE: Final = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="needs node to carry out the page's script")
def test_the_script_walks_the_stops_both_ways() -> None:
    from emu.export.style import SCRIPT

    tags = Tags(page_of(broken()).decode())
    done = subprocess.run(
        [str(NODE), "-e", BROWSER], capture_output=True, text=True, check=True,
        input=json.dumps({"stops": tags.texts["recorded"], "page": SCRIPT}),
    )  # fmt: skip
    walked = json.loads(done.stdout)
    stops = tags.recorded["stops"]
    last = len(stops) - 1
    rows = [one["row"] for one in walked["said"]]
    assert rows[:11] == [0, 1, 2, 1, 0, 0, last, last, 5, 5, 5]
    assert rows[11:13] == [5, 5] and rows[14:] == [3, 7, last]
    assert walked["hidden"] == [True, False]
    for one in walked["said"]:
        shown = stops[one["row"]]
        assert one["marked"] == 1 and not one["hidden"]
        assert f"Stop {one['row'] + 1} of {last + 1}: tick {shown['tick']}" in one["now"]
        assert one["now"].endswith(shown["text"])
        assert one["cursor"] == f"M{shown['x']} 0v72"
        assert all(value in one["registers"] for value in shown["registers"])
        assert one["mailbox"] == shown["mailbox"]
        assert (one["back"], one["next"]) == (one["row"] == 0, one["row"] == last)
        if shown["code"] >= 0:
            rows = tags.recorded["code"][shown["code"]]["rows"]
            assert all(row[1] in one["code"] for row in rows)
    assert [one["width"] for one in walked["said"]][8:12] == ["100%", "200%", "400%", "200%"]
    nearest = max(stop["x"] for stop in stops)
    assert stops[walked["said"][13]["row"]]["x"] == nearest
