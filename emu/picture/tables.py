"""A CPU's page tables: what they map, as ranges or as a tree, and how two CPUs' differ."""

from typing import Final

from emu.errors import CommandError
from emu.given.number import is_digits
from emu.hw.context import Context
from emu.hw.cpu import Cpu
from emu.hw.nested_walk import ACCESSED, DIRTY, bits_in_words
from emu.hw.page_walk import SHARED_BIT
from emu.hw.paging_modes import FORMATS
from emu.machine.machine import Machine
from emu.picture.filters import has_words
from emu.picture.mapped import Mapped, TableEntry, paging_mode, ranges, root_of, table
from emu.picture.sections import TableRow, TablesLook, TablesView, size_words
from emu.words.expression import address

ROWS_MAX: Final = 4096


def look_of(words: tuple[str, ...]) -> TablesLook:
    """The look of `tables`' words: `[ranges] [FILTER]`, `tree [ADDRESS [LEVEL]]`, `diff CPU`;
    raises CommandError."""
    match words:
        case ():
            return TablesLook()
        case ("ranges", *rest):
            return TablesLook("ranges", " ".join(rest))
        case ("tree",) | ("tree", _) | ("tree", _, "L4" | "L3" | "L2" | "L1" | "root"):
            rest = [*words[1:], "", ""]
            return TablesLook("tree", rest[0], 0, rest[1])
        case ("diff", cpu, *rest) if is_digits(cpu):
            return TablesLook("diff", " ".join(rest), int(cpu))
        case ("tree" | "diff", *_):
            raise CommandError("tables: takes [FILTER], tree [ADDRESS [LEVEL]] or diff CPU")
    return TablesLook("ranges", " ".join(words))


def tables_view(machine: Machine, cpu: Cpu, look: TablesLook) -> TablesView:
    """The tables of a CPU as they are now."""
    context = cpu.context
    if context is None:
        return _none(cpu, look, "", 0, f"cpu {cpu.id} has not started: it has no tables yet")
    mode, cr3 = paging_mode(context), context.get("cr3")
    if mode == "off":
        why = f"cpu {cpu.id}: paging is off, so every address is a guest-physical one"
        return _none(cpu, look, mode, cr3, why)
    try:
        found = (
            _tree(machine, cpu, context, look)
            if look.mode == "tree"
            else (_ranges(machine, cpu, context, look))
        )
    except CommandError as error:
        return _none(cpu, look, mode, cr3, str(error))
    same = tuple(
        one.id for one in machine.board.cpus
        if one.context is not None and one.context.get("cr3") == cr3
        and one.context.get("cr0") >> 31
    )  # fmt: skip
    rows, total = found
    return TablesView(cpu.id, look, mode, cr3, same, tuple(rows[:ROWS_MAX]), total)


def _none(cpu: Cpu, look: TablesLook, mode: str, cr3: int, why: str) -> TablesView:
    return TablesView(cpu.id, look, mode, cr3, (), (), 0, why)


def _range_words(one: Mapped) -> str:
    return " ".join(filter(None, (
        one.rights, "user" if one.user else "", "shared" if one.shared else "",
    )))  # fmt: skip


def _range_row(machine: Machine, one: Mapped, mark: str = "") -> TableRow:
    symbol = machine.board.layout.symbols.name(one.gva)
    return TableRow(
        0, mark, "", one.gva, one.size, one.gpa, 0, 0, _range_words(one), True, symbol
    )


def _ranges(
    machine: Machine, cpu: Cpu, context: Context, look: TablesLook
) -> tuple[list[TableRow], int]:
    mine = ranges(machine, context)
    if look.mode == "diff":
        rows = _differences(machine, mine, look.other)
    else:
        rows = [_range_row(machine, one) for one in mine]
    if not look.filter:
        return rows, len(rows)
    try:
        at = address(machine, cpu, look.filter)
        kept = [row for row in rows if row.gva <= at < row.gva + row.size]
    except CommandError:
        kept = [row for row in rows if _matches(row, look.filter)]
    return kept, len(rows)


def _matches(row: TableRow, text: str) -> bool:
    """Whether a row has all the words: a right such as `w` or `rx` by all its letters, anything
    else as a part of the row."""
    rights, told = row.words.split()[0], f"{row.words} {row.symbol}"
    return all(
        set(word) <= set(rights) if set(word) <= set("rwx") else has_words(told, word)
        for word in text.split()
    )


def _differences(machine: Machine, mine: tuple[Mapped, ...], other: int) -> list[TableRow]:
    if other >= len(machine.board.cpus):
        raise CommandError(f"tables diff: there is no cpu {other}")
    context = machine.board.cpus[other].context
    if context is None:
        raise CommandError(f"tables diff: cpu {other} has not started: it has no tables yet")
    theirs = ranges(machine, context)
    rows = [_range_row(machine, one, "+") for one in mine if one not in theirs]
    rows += [_range_row(machine, one, "-") for one in theirs if one not in mine]
    return sorted(rows, key=lambda row: (row.gva, row.mark))


def _tree(
    machine: Machine, cpu: Cpu, context: Context, look: TablesLook
) -> tuple[list[TableRow], int]:
    """The root table, with one path open."""
    at = address(machine, cpu, look.filter) if look.filter else context.rip
    mode = paging_mode(context)
    levels, cr4 = FORMATS[mode].levels, context.get("cr4")
    names = [step.name for step in levels]
    deepest = len(levels) - 1
    if look.level == "root":
        deepest = 0
    elif look.level in names:
        deepest = min(names.index(look.level) + 1, deepest)
    total = 0

    def rows(place: int, depth: int, base: int) -> list[TableRow]:
        nonlocal total
        found: list[TableRow] = []
        for entry in table(machine, mode, levels[depth], place, base, cr4) or ():
            inside = entry.gva <= at < entry.gva + entry.size
            opened = inside and not entry.leaf and depth < deepest
            total += 1
            row = _entry_row(machine, entry, depth, opened)
            if found and _continues(found[-1], row):
                found[-1] = _joined(found[-1], row)
                continue
            found.append(row)
            if opened:
                found += rows(entry.target, depth + 1, entry.gva)
        return found

    return rows(root_of(context), 0, 0), total


def _entry_row(machine: Machine, entry: TableEntry, depth: int, opened: bool) -> TableRow:
    words = bits_in_words(entry.level, entry.value)
    if entry.leaf and entry.target >> SHARED_BIT & 1:
        words += " shared"
    target = entry.target & ~(1 << SHARED_BIT)
    symbol = machine.board.layout.symbols.name(entry.gva) if entry.leaf else ""
    return TableRow(
        depth, "", f"{entry.level}[{entry.index:03}]", entry.gva, entry.size, target,
        entry.value, entry.place, words, entry.leaf, symbol, opened,
    )  # fmt: skip


def _continues(last: TableRow, row: TableRow) -> bool:
    """Whether two leaves map neighbours to neighbours with equal bits, A and D aside."""
    bits = ~(ACCESSED | DIRTY) & 0xFFF
    return (
        last.leaf and row.leaf and last.depth == row.depth
        and last.gva + last.size == row.gva and last.target + last.size == row.target
        and (last.value ^ row.value) & bits == 0 and last.value >> 63 == row.value >> 63
    )  # fmt: skip


def _joined(last: TableRow, row: TableRow) -> TableRow:
    first = last.name.partition("-")[0].rstrip("]")
    end = row.name.partition("[")[2]
    return TableRow(
        last.depth, "", f"{first}-{end}", last.gva, last.size + row.size, last.target,
        last.value, last.entry_gpa, last.words, True, last.symbol,
    )  # fmt: skip


def lines(view: TablesView) -> tuple[str, ...]:
    """The rows as text; raises CommandError where there are no tables."""
    if view.problem:
        raise CommandError(view.problem)
    head = f"cpu {view.cpu}: {view.paging} paging, cr3 {view.cr3:#x}"
    rows = [
        f"{row.mark or ' '} {'  ' * row.depth}{row.name + ' ' if row.name else ''}"
        f"{row.gva:#x}..{row.gva + row.size - 1:#x} -> {row.target:#x}  "
        f"{size_words(row.size)}  {row.words}  {row.symbol}".rstrip()
        for row in view.rows
    ]
    if not rows:
        rows = ["  the tables are equal" if view.look.mode == "diff" else "  nothing matches"]
    return (head, *rows)
