"""What a run that is not wholly well leaves behind: the first finding, one sentence for every
CPU that is not well, the last progress, and what was broken on purpose."""

from typing import Final

from emu.judge import account
from emu.judge.account import Account
from emu.judge.fate import fates
from emu.judge.progress import last_progress
from emu.judge.verdict import UNWELL, Evidence, Fate, Verdict, is_over
from emu.machine.machine import Machine
from emu.mailbox.rule import Finding
from emu.timeline.timeline import Timeline


def evidence(
    machine: Machine,
    verdict: Verdict | None,
    findings: tuple[Finding, ...] = (),
    timeline: Timeline | None = None,
) -> tuple[Evidence, ...]:
    """The most telling first. Empty where all is well."""
    words = fates(machine, over=is_over(verdict))
    cut_off = verdict is not None and not is_over(verdict)
    wanted = {cpu: word for cpu, word in words.items() if word in UNWELL or cut_off}
    told = [_finding(one) for one in findings[:1]]
    told += _cpus(account.of(machine, wanted, timeline))
    offered = [cpu for cpu, word in words.items() if word == "not offered"]
    if told and cut_off:
        told += _progress(machine)
    told += _cpus(account.of(machine, dict.fromkeys(offered, "not offered"), timeline))
    return tuple(told)


def _finding(one: Finding) -> Evidence:
    """The rule that was broken first."""
    who = "the host" if one.cpu is None else f"cpu {one.cpu}"
    place = f" at {one.where}" if one.where else ""
    cpus = () if one.cpu is None else (one.cpu,)
    sentence = f"{who} broke {one.rule}{place}, tick {one.tick:,}: {one.text}"
    return Evidence("finding", cpus, sentence, one.where)


def _progress(machine: Machine) -> list[Evidence]:
    last = last_progress(machine)
    if last is None:
        return []
    who = "" if last.cpu is None else f"cpu {last.cpu} "
    since = (machine.board.now_ps() // 1000 - last.virtual_ns) / 1e6
    when = f"tick {last.tick:,}, {since:,.3f} ms before the end"
    return [Evidence("progress", (), f"last progress: {who}{last.text} ({when})")]


_FIRST: Final[dict[Fate, int]] = {"dead": 0, "stuck": 1, "lost": 2, "well": 3, "not offered": 4}


def _cpus(accounts: list[Account]) -> list[Evidence]:
    """CPUs that are unwell alike in one sentence; the dead first, then by number."""
    groups: dict[object, list[Account]] = {}
    for one in accounts:
        groups.setdefault(one.alike, []).append(one)
    ordered = sorted(groups.values(), key=lambda some: (_FIRST[some[0].fate], some[0].cpu))
    return [account.sentence(some) for some in ordered]
