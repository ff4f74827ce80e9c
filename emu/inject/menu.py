"""The list of what can be broken on a machine, and when."""

from typing import Final

from emu.hw.cpu import Cpu
from emu.inject.kind import InjectionGroup, InjectionKind
from emu.inject.menu_view import InjectionMenu, KindView, MomentView, ParameterView
from emu.inject.when import USAGE
from emu.machine.machine import Machine
from emu.mailbox.layout import FIELDS

GROUPS: Final[dict[InjectionGroup, str]] = {
    "cpu": "CPU", "memory": "memory", "vmm": "VMM", "protocol": "protocol",
}  # fmt: skip
"""Group -> its name, in the order of a list."""
MOMENT_WORDS: Final = (
    "tick", "time", "mailbox", "exit", "event", "cpu", "nth",
    *(field.name for field in FIELDS), "command=wakeup",
)  # fmt: skip


def menu(machine: Machine, focus: Cpu) -> InjectionMenu:
    """Everything that can be broken now."""
    from emu.inject.kinds import of_platform  # 60 files: loaded when somebody looks

    kinds = [_kind(kind) for kind in of_platform(machine.board.platform)]
    order = list(GROUPS.values())
    kinds.sort(key=lambda one: order.index(one.group))
    now, moments = f"tick {machine.board.tick}", _moments(machine, focus)
    return InjectionMenu(tuple(kinds), now, moments, USAGE, MOMENT_WORDS)


def _kind(kind: InjectionKind) -> KindView:
    words = kind.example.split()
    words = words[: words.index("at")] if "at" in words else words
    return KindView(
        kind.name, GROUPS[kind.group], kind.help, kind.usage,
        tuple(
            ParameterView(
                one.name, one.help, words[place] if place < len(words) else one.default or "",
                one.default is None,
            )
            for place, one in enumerate(kind.parameters)
        ),
        kind.when.replace("{CPU}", "CPU").replace("{APIC}", "CPU's"),
        f"{kind.name} {kind.example}", kind.not_started.replace("{CPU}", "CPU"),
    )  # fmt: skip


def _moments(machine: Machine, focus: Cpu) -> tuple[MomentView, ...]:
    found = []
    if focus.context is not None:
        address = machine.board.linear_rip(focus)
        place = machine.board.layout.symbols.name(address) or f"{address:#x}"
        words = f"before cpu {focus.id} executes {place}"
        found.append(MomentView(words, f"{place} cpu {focus.id}"))
    if machine.board.mailbox_gpa is not None:
        found.append(MomentView("at the next mailbox command", "mailbox command"))
        found.append(MomentView("at the next Wakeup", "mailbox command=wakeup"))
    seen = dict.fromkeys(machine.board.roles.points.values())
    found += [MomentView(f"when a cpu {one.words}", one.name) for one in seen if not one.silent]
    return tuple(found)


def help_lines(found: InjectionMenu) -> tuple[str, ...]:
    """Every kind of the platform with its help, and how moments are written."""
    cells = max(len(kind.usage) for kind in found.kinds) + 2
    rows, group = [], ""
    for kind in found.kinds:
        if kind.group != group:
            group = kind.group
            rows.append(f"{group}:")
        own = f" ({_own(kind)}, if no moment is named)" if _own(kind) != "at once" else ""
        rows.append(f"  {kind.usage:{cells}}{kind.help}{own}")
    return (*rows, *found.moment_usage.split("; "))


def _own(kind: KindView) -> str:
    """The moment that is meant where none is named."""
    if kind.when:
        return f"at {kind.when}"
    later = f", or at {kind.not_started} where the CPU has not started"
    return "at once" + (later if kind.not_started else "")


def elsewhere(machine: Machine, name: str) -> tuple[str, ...] | None:
    """The help on a kind that other platforms have, below why this one has not; None where
    there is no such kind."""
    from emu.inject.kinds import BY_NAME

    kind = BY_NAME.get(name)
    if kind is None:
        return None
    return (f"not here: {kind.lacking(machine.board.platform)}", *kind_lines(_kind(kind)))


def kind_lines(kind: KindView) -> tuple[str, ...]:
    """One kind with what it takes."""
    own = _own(kind)
    rows = [f"inject {kind.usage} [at MOMENT]", f"{kind.help}; {own}, if no moment is named"]
    rows += [f"  {one.name:10}{one.help}" for one in kind.parameters]
    return (*rows, f"as in: inject {kind.example}")
