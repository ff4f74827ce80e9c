"""The commands, as values: `emu.debug.language` reads and writes them as words."""

from msgspec import Struct


class Step(Struct, frozen=True):
    """Execute COUNT instructions of one CPU; `all`: of every CPU that can run, in lockstep."""

    cpu: int | None = None
    count: int = 1
    all_cpus: bool = False


class Next(Struct, frozen=True):
    """Like step, but a CALL runs to its return and a REP to its end."""

    cpu: int | None = None
    count: int = 1


class Finish(Struct, frozen=True):
    """Run until the selected CPU returns from its function."""


class Run(Struct, frozen=True):
    """Run all CPUs until something stops them, at most TICKS instructions."""

    ticks: int | None = None


class Until(Struct, frozen=True):
    """Run until any CPU reaches a symbol, `file:line`, address or milestone."""

    where: str


class Reset(Struct, frozen=True):
    """Start again from the first instruction; breakpoints stay."""


class SelectCpu(Struct, frozen=True):
    """Put a CPU in focus."""

    cpu: int


class Break(Struct, frozen=True):
    """Stop where a CPU gets: `break WHERE [cpu N] [after N] [once] [log] [if EXPR]`."""

    where: str
    cpu: int | None = None
    after: int = 1
    """The first hit that stops."""
    once: bool = False
    log: bool = False
    """Note it and go on."""
    condition: str = ""


class Catch(Struct, frozen=True):
    """Stop at what a machine does: `catch mode|cr3|efer|exit|hypercall|tdcall|msr|...`."""

    kind: str
    text: str = ""


class Breakpoints(Struct, frozen=True):
    """List all breakpoints, watchpoints and catches, and what they have noted."""


class Delete(Struct, frozen=True):
    """Remove a breakpoint by its number."""

    number: int


class Mem(Struct, frozen=True):
    """Show memory: `mem [gva:|gpa:|hpa:]WHERE [COUNT] [as STRUCT|mailbox|table|vmcb]`."""

    where: str
    count: int = 64
    kind: str = ""


class Find(Struct, frozen=True):
    """Search memory from a place on: `find [gpa:]WHERE "text"`, or 0xNUMBER or hex bytes."""

    where: str
    what: str


class List(Struct, frozen=True):
    """Show code at a place, or (none) where the CPU is; `both`, `asm` or `source` lines."""

    where: str = ""


class Walk(Struct, frozen=True):
    """Show the two-dimensional walk of an address: `walk WHERE [read|write|execute]`."""

    where: str
    access: str = "read"


class Tables(Struct, frozen=True):
    """Show page tables: `tables [FILTER]`, `tables tree [ADDRESS]`, `tables diff CPU`."""

    text: str = ""


class Npt(Struct, frozen=True):
    """Show the nested table: all of it, one GPA's page, or `private`, `absent`, `rw`, ..."""

    where: str = ""


class Dtb(Struct, frozen=True):
    """Show the device tree: `dtb [host|kernel|diff] [PATH or words]`."""

    text: str = ""


class Events(Struct, frozen=True):
    """Show the log: `events [cpu N] [KIND] [TEXT]`; kinds are mailbox, milestone, fault, ..."""

    text: str = ""


class Exits(Struct, frozen=True):
    """Show what left the guest for the VMM: `exits [cpu N] [TEXT]`."""

    text: str = ""


class Cpus(Struct, frozen=True):
    """Show the CPUs: `cpus [WORDS]` keeps those of a state, a symbol, or numbers `3-7`."""

    text: str = ""


class Registers(Struct, frozen=True):
    """Show the registers of the selected CPU."""


class Mailbox(Struct, frozen=True):
    """Show the mailbox decoded, and how far each AP is."""


class Waits(Struct, frozen=True):
    """Show what every waiting CPU waits for, and who wrote that last."""


class Findings(Struct, frozen=True):
    """Say which rules of the protocol were broken up to now: all, or one RULE."""

    rule: str = ""


class Rules(Struct, frozen=True):
    """List the rules of the protocol, each with its source."""


class Races(Struct, frozen=True):
    """Say where CPUs touch the same bytes in no order, up to now."""


class ReverseStep(Struct, frozen=True):
    """Go back to before the last COUNT instructions of a CPU; `any` for whichever CPU's."""

    cpu: int | None = None
    count: int = 1
    any_cpu: bool = False


class ReverseNext(Struct, frozen=True):
    """Like reverse-step, but a function that has returned is left behind as a whole."""

    count: int = 1


class ReverseFinish(Struct, frozen=True):
    """Go back to the call of the function that the selected CPU is in."""


class ReverseRun(Struct, frozen=True):
    """Go back to where a breakpoint or watchpoint would have stopped last."""


class Goto(Struct, frozen=True):
    """Go to a TICK, `50%`, `start`, `end`, a mark, a milestone, or `#7` for the 7th event."""

    where: str


class Mark(Struct, frozen=True):
    """Give this moment a name for `goto` and `diff`."""

    name: str


class Branches(Struct, frozen=True):
    """List all branches: where each began, how far it goes, what was entered on it."""


class Branch(Struct, frozen=True):
    """Go to the end of a branch, or begin one of that name here; with NEW, rename it."""

    name: str
    new: str = ""


class Diff(Struct, frozen=True):
    """Say how two moments or branches (its end) differ; `now` is where the machine stands."""

    first: str
    second: str = "now"


class LastWriter(Struct, frozen=True):
    """Say who wrote a place last: `rax`, `mailbox.command`, `pte:GVA`, `npt:GPA`, ADDRESS/4."""

    place: str


class Executed(Struct, frozen=True):
    """Say who executed a place first and last, and how often, up to now."""

    where: str


class Accessed(Struct, frozen=True):
    """Say who read and who wrote a place first and last, and how often, up to now."""

    place: str


class PreviousChange(Struct, frozen=True):
    """Go back to before the last change of a place."""

    place: str


class NextChange(Struct, frozen=True):
    """Run until a place changes."""

    place: str


class Watch(Struct, frozen=True):
    """Stop when a place changes; `read`, `write` or `access`: when that is done to it."""

    place: str
    access: str = "change"


class Print(Struct, frozen=True):
    """Show the value of an expression: `print [rsp+8]`, `print mailbox.command == 1`."""

    text: str


class Set(Struct, frozen=True):
    """Change a place: `set rax=5`, `set mailbox.command=0`, `set npt:0x8805000=0`."""

    text: str


class Inject(Struct, frozen=True):
    """Break something: `inject KIND ... [at MOMENT]`; `help inject` lists the kinds."""

    text: str


class Hold(Struct, frozen=True):
    """Let a CPU not run until it is released."""

    cpu: int


class Release(Struct, frozen=True):
    """Let a held CPU run again."""

    cpu: int


class Schedule(Struct, frozen=True):
    """Choose who runs next: `timed`, `random SEED` (with `quantum NS`), `first CPU`."""

    text: str = ""


class Save(Struct, frozen=True):
    """Write a recording of this branch to a file."""

    file: str


class Export(Struct, frozen=True):
    """Write what happened to a file: `.json` for Perfetto, `.html` for a colleague."""

    file: str


class Help(Struct, frozen=True):
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
