"""What each command begins: a goal to be carried on, or something that is done at once."""

from emu.debug import answers, backwards, command, course, stepping, travel
from emu.debug.desk import Desk, Goal, cpu_of, focused, reset
from emu.debug.running import begin, begin_run, movable, remember, run_to, settle
from emu.words.where import resolve


def begin_order(desk: Desk, order: command.Command) -> Goal | None:
    """Start a command; raises CommandError, and then nothing has changed."""
    match order:
        case command.Step(_, count, True):
            return begin(desk, focused(desk), lambda desk, _: stepping.step_all(desk, count))
        case command.Step(cpu, count):
            return begin(
                desk, movable(desk, cpu), lambda desk, one: stepping.step(desk, one, count)
            )
        case command.Next(cpu, count):
            return begin(
                desk, movable(desk, cpu), lambda desk, one: stepping.over(desk, one, count)
            )
        case command.Finish():
            return begin(desk, movable(desk, None), stepping.finish)
        case command.Run(ticks):
            return begin_run(desk, ticks)
        case command.Until(where):
            desk.breakpoints.until(resolve(desk.machine, where), where, None)
            return begin_run(desk, None)
        case command.Goto():
            return _goto(desk, order)
        case command.Reset():
            reset(desk)
        case command.SelectCpu(cpu):
            desk.focus = cpu_of(desk, cpu).id
            remember(desk)
        case (
            command.ReverseStep() | command.ReverseNext() | command.ReverseFinish()
            | command.ReverseRun() | command.PreviousChange() | command.Branch()
        ):  # fmt: skip
            _travel(desk, order)
        case command.NextChange(text):
            desk.watchpoints.until(desk.machine, focused(desk), text)
            return begin_run(desk, None)
        case _:
            if isinstance(order, course.Changing):
                course.change(desk, order)
            else:
                desk.reply = answers.answer(desk, order)
    return None


def _travel(desk: Desk, order: travel.Order | command.ReverseRun) -> None:
    """Another moment: whatever was concluded here need not hold there."""
    remember(desk)
    try:
        if isinstance(order, command.ReverseRun):
            backwards.reverse_run(desk)
        else:
            travel.travel(desk, order)
    finally:
        settle(desk)


def _goto(desk: Desk, order: command.Goto) -> Goal | None:
    remember(desk)
    found = travel.goto(desk, order)
    if found is None:
        settle(desk)
        return None
    return run_to(desk, found)
