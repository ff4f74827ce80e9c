"""The boot as one line: its phases, how far it is, where each AP is, and what has failed."""

from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct

from emu.picture.view import ApProgress, CpuView, MachineView, PhaseView

PhaseState = Literal["done", "here", "begun", "ahead", "failed"]
"""`done`: all have come through. `here`: what the boot is at, the first phase that is not done.
`begun`: some are further. `failed`: here somebody stands for ever, or a rule was broken."""
STEPS: Final = ("starting", "parked", "woken", "acked", "arrived", "online")
"""PhaseState far an AP is, in order."""
_STILL: Final = ("off", "wait-for-sipi")
_BAD: Final = ("hung", "crashed")
_NOWHERE: Final = -1


class PhaseStretch(Struct, frozen=True):
    """A phase, and who is in it."""

    name: str
    how: PhaseState
    aps: tuple[int, ...] = ()
    unwell: tuple[int, ...] = ()
    """Those of them that are dead, stuck, lost or have given up."""
    tick: int | None = None
    """The moment that it leads to, of which CPU; None: nobody has come there."""
    cpu: int | None = None
    carries: bool = False
    """Whether APs can be in it."""


def ribbon(view: MachineView) -> tuple[PhaseStretch, ...]:
    """The phases of this boot as they stand at the moment that is shown."""
    phases = view.phases
    if not phases:
        return ()
    places = _places(view)
    expected = [places[cpu.id] for cpu in view.cpus[1:] if cpu.fate != "not offered"]
    far = max(expected, default=_NOWHERE)
    reached = [phase.reached or (bool(phase.steps) and far >= at)
               for at, phase in enumerate(phases)]  # fmt: skip
    over = view.outcome == "booted"
    whole = [(over and reached[at]) or _is_done(phases, at, reached, expected)
             for at in range(len(phases))]  # fmt: skip
    last = max(at for at, it in enumerate(reached) if it)
    here = next((at for at in range(last + 1) if reached[at] and not whole[at]), last)
    failed = _failed(view, places, reached, here)
    inside: dict[int, list[int]] = {}
    for cpu, place in enumerate(places[1:], 1):
        inside.setdefault(place, []).append(cpu)
    return tuple(
        _stretch(view, at, inside, failed,
                 "done" if whole[at] and (at != here or over) else "here" if at == here
                 else "begun" if reached[at] else "ahead")
        for at in range(len(phases))
    )  # fmt: skip


def _stretch(
    view: MachineView,
    at: int,
    inside: dict[int, list[int]],
    failed: dict[int, int],
    how: PhaseState,
) -> PhaseStretch:
    phase = view.phases[at]
    aps = tuple(inside.get(at, ()))
    unwell = tuple(cpu for cpu in aps if view.cpus[cpu].unwell)
    tick, cpu = phase.tick, phase.cpu
    if at in failed:
        how, first = "failed", failed[at]
        if first >= 0:
            tick, cpu = view.findings.rows[first].tick, view.findings.rows[first].cpu
    return PhaseStretch(phase.name, how, aps, unwell, tick, cpu, bool(phase.steps))


def _places(view: MachineView) -> list[int]:
    """By CPU: the phase that it is in; of the BSP, which is in none of its own, nothing."""
    by_step = {step: _at(view.phases, step) for step in STEPS}
    far: Sequence[ApProgress] = () if view.mailbox is None else view.mailbox.aps
    steps = [ap.step for ap in far] or ["starting"] * (len(view.cpus) - 1)
    found = [_NOWHERE]
    for cpu, step in zip(view.cpus[1:], steps, strict=True):
        if step == "gave-up":
            step = _before(far[cpu.id - 1])
        unstarted = step in ("off", "starting") and cpu.state in _STILL
        found.append(_NOWHERE if unstarted else by_step.get(step, by_step["starting"]))
    return found


def _before(ap: ApProgress) -> str:
    """How far an AP was that has given up."""
    steps = (one.step for one in reversed(ap.history))
    return next((step for step in steps if step != "gave-up"), "starting")


def _at(phases: Sequence[PhaseView], step: str) -> int:
    """The last phase that an AP has come to which is so far."""
    behind = STEPS[: STEPS.index(step) + 1]
    fits = [at for at, phase in enumerate(phases) if set(phase.steps) & set(behind)]
    return max(fits, default=_NOWHERE)


def _is_done(
    phases: Sequence[PhaseView], at: int, reached: Sequence[bool], expected: Sequence[int]
) -> bool:
    """Whether all who have to come through a phase have."""
    if not phases[at].steps:
        return any(reached[at + 1 :]) or (at == len(phases) - 1 and reached[at])
    return bool(expected) and all(place >= at for place in expected)


def _failed(
    view: MachineView, places: Sequence[int], reached: Sequence[bool], here: int
) -> dict[int, int]:
    """The phases in which something went wrong for good, and the finding that says what, or
    -1."""
    bsp = max(at for at, phase in enumerate(view.phases) if phase.of_bsp and reached[at])
    first = _at(view.phases, "starting")
    found = {_where(cpu, places, bsp, first, here) for cpu in view.cpus if cpu.unwell}
    rows = view.findings.rows
    worst = next((at for at, row in enumerate(rows) if row.severity == "error"), -1)
    if not found and worst >= 0:
        found = {_phase_at(view.phases, rows[worst].tick)}
    elif not found and view.outcome in _BAD:
        found = {here}
    return dict.fromkeys(found, worst)


def _where(cpu: CpuView, places: Sequence[int], bsp: int, first: int, here: int) -> int:
    """Where a CPU stands that is not well; one that was never started, where it should be."""
    at = bsp if cpu.id == 0 else max(places[cpu.id], first)
    return here if at == _NOWHERE else at


def _phase_at(phases: Sequence[PhaseView], tick: int) -> int:
    """The phase that was come to last before a tick."""
    known = [(one.tick, at) for at, one in enumerate(phases) if one.tick is not None]
    return max((pair for pair in known if pair[0] <= tick), default=(0, 0))[1]
