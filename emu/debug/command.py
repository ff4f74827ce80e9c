"""The commands, as values: `emu.debug.language` reads and writes them as words."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """Execute COUNT instructions of one CPU; `all`: of every CPU that can run, in lockstep."""

    cpu: int | None = None
    count: int = 1
    all_cpus: bool = False


@dataclass(frozen=True, slots=True)
class Next:
    """Like step, but a CALL runs to its return and a REP to its end."""

    cpu: int | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Finish:
    """Run until the selected CPU returns from its function."""


@dataclass(frozen=True, slots=True)
class Run:
    """Run all CPUs until something stops them, at most TICKS instructions."""

    ticks: int | None = None


@dataclass(frozen=True, slots=True)
class Until:
    """Run until any CPU reaches a symbol, `file:line`, address or milestone."""

    where: str


@dataclass(frozen=True, slots=True)
class Reset:
    """Start again from the first instruction; breakpoints stay."""


@dataclass(frozen=True, slots=True)
class SelectCpu:
    """Put a CPU in focus."""

    cpu: int


@dataclass(frozen=True, slots=True)
class Break:
    """Stop where a CPU gets: `break WHERE [cpu N] [after N] [once] [log] [if EXPR]`."""

    where: str
    cpu: int | None = None
    after: int = 1
    """The first hit that stops."""
    once: bool = False
    log: bool = False
    """Note it and go on."""
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Catch:
    """Stop at what a machine does: `catch mode|cr3|efer|exit|hypercall|tdcall|msr|...`."""

    kind: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Breakpoints:
    """List all breakpoints, watchpoints and catches, and what they have noted."""


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a breakpoint by its number."""

    number: int


@dataclass(frozen=True, slots=True)
class Mem:
    """Show memory: `mem [gva:|gpa:|hpa:]WHERE [COUNT] [as STRUCT|mailbox|table|vmcb]`."""

    where: str
    count: int = 64
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Find:
    """Search memory from a place on: `find [gpa:]WHERE "text"`, or 0xNUMBER or hex bytes."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class List:
    """Show code at a place, or (none) where the CPU is; `both`, `asm` or `source` lines."""

    where: str = ""


@dataclass(frozen=True, slots=True)
class Walk:
    """Show the two-dimensional walk of an address: `walk WHERE [read|write|execute]`."""

    where: str
    access: str = "read"


@dataclass(frozen=True, slots=True)
class Tables:
    """Show page tables: `tables [FILTER]`, `tables tree [ADDRESS]`, `tables diff CPU`."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Npt:
    """Show the nested table: all of it, one GPA's page, or `private`, `absent`, `rw`, ..."""

    where: str = ""


@dataclass(frozen=True, slots=True)
class Dtb:
    """Show the device tree: `dtb [host|kernel|diff] [PATH or words]`."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Events:
    """Show the log: `events [cpu N] [KIND] [TEXT]`; kinds are mailbox, milestone, fault, ..."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Exits:
    """Show what left the guest for the VMM: `exits [cpu N] [TEXT]`."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Cpus:
    """Show the CPUs: `cpus [WORDS]` keeps those of a state, a symbol, or numbers `3-7`."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Registers:
    """Show the registers of the selected CPU."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Show the mailbox decoded, and how far each AP is."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Show what every waiting CPU waits for, and who wrote that last."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Say which rules of the protocol were broken up to now: all, or one RULE."""

    rule: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """List the rules of the protocol, each with its source."""


@dataclass(frozen=True, slots=True)
class Races:
    """Say where CPUs touch the same bytes in no order, up to now."""


@dataclass(frozen=True, slots=True)
class ReverseStep:
    """Go back to before the last COUNT instructions of a CPU; `any` for whichever CPU's."""

    cpu: int | None = None
    count: int = 1
    any_cpu: bool = False


@dataclass(frozen=True, slots=True)
class ReverseNext:
    """Like reverse-step, but a function that has returned is left behind as a whole."""

    count: int = 1


@dataclass(frozen=True, slots=True)
class ReverseFinish:
    """Go back to the call of the function that the selected CPU is in."""


@dataclass(frozen=True, slots=True)
class ReverseRun:
    """Go back to where a breakpoint or watchpoint would have stopped last."""


@dataclass(frozen=True, slots=True)
class Goto:
    """Go to a TICK, `50%`, `start`, `end`, a mark, a milestone, or `#7` for the 7th event."""

    where: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Give this moment a name for `goto` and `diff`."""

    name: str


@dataclass(frozen=True, slots=True)
class Branches:
    """List all branches: where each began, how far it goes, what was entered on it."""


@dataclass(frozen=True, slots=True)
class Branch:
    """Go to the end of a branch, or begin one of that name here; with NEW, rename it."""

    name: str
    new: str = ""


@dataclass(frozen=True, slots=True)
class Diff:
    """Say how two moments or branches (its end) differ; `now` is where the machine stands."""

    first: str
    second: str = "now"


@dataclass(frozen=True, slots=True)
class LastWriter:
    """Say who wrote a place last: `rax`, `mailbox.command`, `pte:GVA`, `npt:GPA`, ADDRESS/4."""

    place: str


@dataclass(frozen=True, slots=True)
class Executed:
    """Say who executed a place first and last, and how often, up to now."""

    where: str


@dataclass(frozen=True, slots=True)
class Accessed:
    """Say who read and who wrote a place first and last, and how often, up to now."""

    place: str


@dataclass(frozen=True, slots=True)
class PreviousChange:
    """Go back to before the last change of a place."""

    place: str


@dataclass(frozen=True, slots=True)
class NextChange:
    """Run until a place changes."""

    place: str


@dataclass(frozen=True, slots=True)
class Watch:
    """Stop when a place changes; `read`, `write` or `access`: when that is done to it."""

    place: str
    access: str = "change"


@dataclass(frozen=True, slots=True)
class Print:
    """Show the value of an expression: `print [rsp+8]`, `print mailbox.command == 1`."""

    text: str


@dataclass(frozen=True, slots=True)
class Set:
    """Change a place: `set rax=5`, `set mailbox.command=0`, `set npt:0x8805000=0`."""

    text: str


@dataclass(frozen=True, slots=True)
class Inject:
    """Break something: `inject KIND ... [at MOMENT]`; `help inject` lists the kinds."""

    text: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Let a CPU not run until it is released."""

    cpu: int


@dataclass(frozen=True, slots=True)
class Release:
    """Let a held CPU run again."""

    cpu: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """Choose who runs next: `timed`, `random SEED` (with `quantum NS`), `first CPU`."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Save:
    """Write a recording of this branch to a file."""

    file: str


@dataclass(frozen=True, slots=True)
class Export:
    """Write what happened to a file: `.json` for Perfetto, `.html` for a colleague."""

    file: str


@dataclass(frozen=True, slots=True)
class Help:
    """Say what a command does, or a kind of injection; without a word, list all commands."""

    word: str = ""
    kind: str = ""


Command = (
    Step | Next | Finish | Run | Until | Reset | SelectCpu | Break | Delete | Mem | Walk
    | Npt | Registers | Mailbox | Waits | Help | Catch | Breakpoints | Find | List | Tables
    | Dtb | Events | Exits | Cpus | ReverseStep | ReverseNext | ReverseFinish | ReverseRun
    | Goto | Mark | Branches | Branch | Diff | LastWriter | Executed | Accessed
    | PreviousChange | NextChange | Watch | Print | Set | Inject | Hold | Release | Schedule
    | Save | Export | Findings | Races | Rules
)  # fmt: skip
