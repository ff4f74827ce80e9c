"""Chrome's trace event format, which Perfetto opens: a lane per CPU over virtual time.

The format: "Trace Event Format", Google; times are microseconds.
"""

from typing import Any, Final

import msgspec

from emu.export.history import BranchHistory
from emu.export.spans import spans
from emu.judge.report import RunReport
from emu.machine.event import Event, MailboxWrite

_PROCESS: Final = 1
_HOST_LANE: Final = 1 << 20
"""The lane of what no CPU did."""
_WAKEUP: Final = 1


def trace(history: BranchHistory) -> bytes:
    """The whole file: the trace, and beside it the profile and the fields of the report, which
    viewers of traces pass over (Trace Event Format, JSON Object Format)."""
    report = history.report
    events = [
        *_names(history), *_spans(history), *_instants(history), *_findings(report),
        *_flows(history),
    ]  # fmt: skip
    other = {
        "image": report.image.path, "platform": report.platform, "seed": report.seed,
        "ticks": report.ticks, "outcome": report.outcome, "reason": report.reason,
    }  # fmt: skip
    whole = {"traceEvents": events, "displayTimeUnit": "ns", "otherData": other}
    told = {"profile": history.profile, **msgspec.to_builtins(report)}
    return msgspec.json.encode(whole | told)


def _names(history: BranchHistory) -> list[dict[str, Any]]:
    """What lanes are called, and their order."""
    report = history.report
    name = f"apdbg {report.image.path} on {report.platform}"
    found: list[dict[str, Any]] = [
        {"ph": "M", "pid": _PROCESS, "tid": 0, "ts": 0, "name": "process_name",
         "args": {"name": name}},
    ]  # fmt: skip
    lanes = [(cpu.id, f"cpu {cpu.id} (apic {cpu.apic_id})") for cpu in report.cpus]
    who = {one.cpu for one in history.events} | {one.cpu for one in report.every_finding}
    if None in who:
        lanes.append((_HOST_LANE, "host"))
    for lane, words in lanes:
        head = {"ph": "M", "pid": _PROCESS, "tid": lane, "ts": 0}
        found.append({**head, "name": "thread_name", "args": {"name": words}})
        found.append({**head, "name": "thread_sort_index", "args": {"sort_index": lane}})
    return found


def _spans(history: BranchHistory) -> list[dict[str, Any]]:
    return [
        {
            "ph": "X", "pid": _PROCESS, "tid": span.cpu, "name": span.doing, "cat": "cpu",
            "ts": span.begin_ps / 1e6, "dur": (span.end_ps - span.begin_ps) / 1e6,
            "args": {"instructions": span.ticks},
        }
        for span in spans(history)
    ]  # fmt: skip


def _at(event: Event) -> dict[str, Any]:
    lane = _HOST_LANE if event.cpu is None else event.cpu
    return {"pid": _PROCESS, "tid": lane, "ts": event.virtual_ns / 1e3}


def _instants(history: BranchHistory) -> list[dict[str, Any]]:
    return [
        {
            **_at(event), "ph": "i", "s": "t", "name": event.text, "cat": event.kind,
            "args": {"tick": event.tick, **_detail(event)},
        }
        for event in history.events
    ]  # fmt: skip


def _findings(report: RunReport) -> list[dict[str, Any]]:
    return [
        {
            "pid": _PROCESS, "tid": _HOST_LANE if one.cpu is None else one.cpu, "ph": "i",
            "s": "p", "ts": one.virtual_ns / 1e3, "name": f"{one.rule}: {one.text}",
            "cat": "finding",
            "args": {"tick": one.tick, "severity": one.severity, "where": one.where},
        }
        for one in report.every_finding
    ]  # fmt: skip


def _detail(event: Event) -> dict[str, Any]:
    one = event.detail
    if not isinstance(one, MailboxWrite):
        return {}
    return {"field": one.field, "old": one.old, "new": one.new, "at": one.symbol}


def _flows(history: BranchHistory) -> list[dict[str, Any]]:
    """An arrow from every wake-up to the acknowledgement of it."""
    found: list[dict[str, Any]] = []
    open_wakeup: Event | None = None
    for event in history.events:
        one = event.detail
        if not isinstance(one, MailboxWrite) or one.field != "command":
            continue
        if one.new == _WAKEUP:
            open_wakeup = event
        elif open_wakeup is not None and one.new == 0:
            same = {"name": "wake-up", "cat": "mailbox", "id": open_wakeup.tick}
            found.append({**_at(open_wakeup), **same, "ph": "s"})
            found.append({**_at(event), **same, "ph": "f", "bp": "e"})
            open_wakeup = None
    return found
