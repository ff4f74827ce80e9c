"""What people do to a running machine, as words that mean the same on every replay."""

from emu.errors import CommandError
from emu.given.number import is_digits, number
from emu.machine.machine import Machine
from emu.timeline.schedule import Schedule, chooser_of
from emu.words import place


def carry_out(machine: Machine, schedule: Schedule, text: str) -> None:
    """Do what an entry says; raises CommandError, and then nothing has changed."""
    word, _, rest = text.partition(" ")
    machine.board.at_work = None
    match word:
        case "hand":
            schedule.by_hand, schedule.slice = _cpu(machine, rest), None
        case "auto":
            schedule.by_hand = None
        case "schedule":
            schedule.follow(chooser_of(rest.split()))
        case "first":
            schedule.first, schedule.slice = _cpu(machine, rest), None
        case "hold":
            schedule.held |= {_cpu(machine, rest)}
            schedule.slice = None
        case "release":
            schedule.held -= {_cpu(machine, rest)}
            schedule.slice = None
        case "set":
            _set(machine, rest)
        case "inject":
            from emu.inject.kinds import inject  # 60 files that a healthy boot does without

            inject(machine, rest)
        case _:
            raise CommandError(f"{text!r} is no entry of a timeline")
    machine.board.compare("host")


def _cpu(machine: Machine, text: str) -> int:
    if not is_digits(text) or int(text) >= len(machine.board.cpus):
        raise CommandError(
            f"there is no cpu {text!r}: they are 0 to {len(machine.board.cpus) - 1}"
        )
    return int(text)


def _set(machine: Machine, text: str) -> None:
    """`set PLACE=VALUE`, the place in its recorded form."""
    where, equals, value = text.partition("=")
    if not equals:
        raise CommandError(f"set: takes PLACE=VALUE, got {text!r}")
    found = place.place(machine, machine.board.cpus[0], where)
    place.put(machine, found, number(value, where))
