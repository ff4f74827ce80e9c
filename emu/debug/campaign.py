"""`apdbg campaign`: every case of a recovery file, each in a machine of its own, and whether
the boot became what is expected of it."""

import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from emu.boot.dtb import Node, read_tree
from emu.debug.opening import open_session
from emu.debug.recovery import Case
from emu.debug.session import Session
from emu.debug.side_by_side import side_by_side
from emu.errors import CommandError
from emu.judge.evidence import evidence
from emu.judge.state import came, gave_up
from emu.machine import handover
from emu.mailbox.rule import COUNTING, each

MAX_TICKS: Final = 60_000_000
WATCHDOG_TICKS: Final = 10_000_000
"""Boots of the sample take 0.1 to 3 million instructions, those that give up included."""


class Result(Struct, frozen=True):
    """What became of one case; `problems` is empty if that was expected."""

    case: Case
    outcome: str
    reason: str
    problems: tuple[str, ...]
    wall_s: float
    evidence: tuple[str, ...] = ()
    """What there is to say of its CPUs where not all is well."""
    serial: str = ""


class Campaign(Struct, frozen=True):
    """What is booted in all cases."""

    image: str | None = None
    cpus: int = 4
    seed: int = 0
    kernel: str | None = None
    cases: Sequence[Case] = field(default_factory=tuple)


def run(campaign: Campaign, jobs: int | None = None) -> Iterator[Result]:
    """All cases, in their order, several at a time."""
    plain = replace(campaign, cases=())
    yield from side_by_side(partial(run_case, plain), campaign.cases, jobs)


def run_case(campaign: Campaign, case: Case) -> Result:
    """Boot once and judge; what cannot be injected is a problem too."""
    began = time.perf_counter()
    try:
        session = open_session(
            campaign.image, platform=case.platform, cpus=campaign.cpus, seed=campaign.seed,
            kernel=campaign.kernel, inject=case.inject, max_ticks=MAX_TICKS,
            watchdog=WATCHDOG_TICKS,
        )  # fmt: skip
        session.timeline.enabled = False  # nobody will go back
        session.do("run")
    except CommandError as error:
        wall = time.perf_counter() - began
        return Result(case, "refused by apdbg", str(error), (str(error),), wall)
    verdict = session.verdict
    assert verdict is not None, "a run without breakpoints ends with a verdict"
    return Result(
        case, _became(session), verdict.reason, tuple(_problems(session, case)),
        time.perf_counter() - began,
        tuple(one.sentence for one in evidence(session.machine, verdict, session.findings())),
        session.machine.board.vmm.serial.decode("utf-8", "replace"),
    )  # fmt: skip


def _problems(session: Session, case: Case) -> Iterator[str]:
    """Whatever is not as expected."""
    machine, verdict = session.machine, session.verdict
    assert verdict is not None
    serial = machine.board.vmm.serial.decode("utf-8", "replace")
    became = _became(session)
    if became != case.expect:
        yield f"{became} ({verdict.reason}), not {case.expect}"
    if case.says and case.says not in f"{serial}\n{verdict.reason}":
        yield f"nothing says {case.says!r}"
    for one in machine.injected.fired:
        if one.problem:
            yield f"{one.spec}: could not be: {one.problem}"
    for waiting in machine.injected.armed:
        if waiting.spec:
            yield f"{waiting.spec}: its moment did not come"
    for spec in machine.injected.idle:
        yield f"{spec}: nothing came that it would change"
    if case.expect in ("booted", "degraded"):
        lost = tuple(cpu.id for cpu in machine.board.cpus if not came(machine, cpu))
        if lost != case.lost:
            yield f"lost {_list(lost)}, not {_list(case.lost)}"
        marked = _marked(session)
        if marked != case.marked:
            yield f"the device tree marks {_list(marked)}, not {_list(case.marked)}"
    broken = {one.rule for one in each(session.findings()) if one.severity in COUNTING}
    if broken != case.breaks:
        yield f"rules broken: {_list(sorted(broken))}, not {_list(sorted(case.breaks))}"


def _became(session: Session) -> str:
    """The outcome in the words of a recovery file. A firmware that gave up has told the host,
    if there is one; an OS only halts."""
    verdict, board = session.verdict, session.machine.board
    assert verdict is not None
    refused = gave_up(session.machine)
    if verdict.outcome == "crashed":
        return "refused" if refused and "reported" in verdict.reason else "killed"
    alone = board.platform.start == "sipi" or board.boot_params is not None
    if verdict.outcome == "hung" and refused and alone:
        return "refused"
    return verdict.outcome


def _list(items: Sequence[object]) -> str:
    return ", ".join(map(str, items)) or "none"


def _marked(session: Session) -> tuple[int, ...]:
    """The CPUs that the kernel's device tree says have failed."""
    blob = handover.kernel_dtb(session.machine.board)
    cpus = None if blob is None else read_tree(blob).find("/cpus")
    nodes: Sequence[Node] = () if cpus is None else cpus.children
    failed = set()
    for node in nodes:
        status, reg = node.get("status"), node.get("reg")
        if status is not None and reg is not None and status.text.startswith("fail"):
            failed.add(reg.cells[-1])
    ids = session.machine.board.platform.apic_ids
    return tuple(index for index, apic_id in enumerate(ids) if apic_id in failed)


def as_text(result: Result) -> list[str]:
    """A line for what went well, several for what did not."""
    case = result.case
    mark = "ok " if not result.problems else "BAD"
    lines = [f"{mark} {case.platform:<5} {result.outcome:<9} {case.name}"]
    lines += [f"      {problem}" for problem in result.problems]
    if result.problems:
        lines += [f"      {one}" for one in result.evidence]
    return lines


def as_json(result: Result) -> dict[str, object]:
    """The same as values."""
    case = result.case
    return {
        "inject": list(case.inject), "platform": case.platform, "expect": case.expect,
        "outcome": result.outcome, "reason": result.reason, "problems": list(result.problems),
        "evidence": list(result.evidence), "wall_s": round(result.wall_s, 3),
    }  # fmt: skip
