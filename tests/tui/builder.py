"""Views of a machine in the middle of a wake-up, built from the real types."""

from msgspec.structs import replace

from emu.judge.verdict import WaitFact
from emu.machine.event import Event, EventKind
from emu.picture.log_views import LOGGED, LogLook, LogRow, LogView
from emu.picture.sections import (
    CpusLook,
    DtbLook,
    DtbRow,
    DtbView,
    FieldView,
    MemoryView,
    NestedLook,
    NestedRange,
    NestedView,
    PointerView,
    RegionRow,
    RegionsLook,
    RegionsView,
    StackRow,
    StackView,
    TableRow,
    TablesLook,
    TablesView,
    WalkView,
)
from emu.picture.stop import AtBreakpoint, AtStart, BootEnded
from emu.picture.view import (
    ApProgress,
    BreakpointView,
    CodeLine,
    CodeLook,
    CpuState,
    CpuView,
    EntryView,
    FindingsView,
    FindingView,
    LaneView,
    MachineView,
    MailboxView,
    PhaseView,
    RegisterView,
    Sections,
    TimelineView,
)
from tests.tui.profiled import path, profile

WAIT = 0xFFFF_F140
DIALECT = "dialect acpi (as it looks): as the specification has it: the ack is one word"
_SOURCE = (
    (84, "wait_for_wakeup:", ()),
    (85, "pause", (("f3 90", "pause", ""),)),
    (86, "movzwl  MAILBOX_COMMAND(%rbx), %eax",
     (("0f b7 03", "movzx eax, word ptr [rbx]", ""),)),
    (87, "cmpw    $MAILBOX_WAKEUP, %ax", (("66 83 f8 01", "cmp ax, 1", ""),)),
    (88, "jne     wait_for_wakeup", (("75 f5", "jne 0xfffff140", "mailbox_wait"),)),
    (89, "mov     MAILBOX_VECTOR(%rbx), %rax",
     (("48 8b 43 08", "mov rax, qword ptr [rbx + 8]", ""),)),
    (90, "/* the vector is ours before the ack: ACPI 6.6, 5.2.12.19 */", ()),
    (91, "movw    $0, MAILBOX_COMMAND(%rbx)",
     (("66 c7 03 00 00", "mov word ptr [rbx], 0", "[0xfffff000] = 0x1"),)),
    (92, "lfence", (("0f ae e8", "lfence", ""),)),
    (93, "jmp     *%rax", (("ff e0", "jmp rax", "secondary_start"),)),
)  # fmt: skip


def code(current: int = 5, spinning: tuple[int, ...] = (3,)) -> tuple[CodeLine, ...]:
    """A listing of the mailbox loop; `current` counts instructions."""
    found = [CodeLine("label", WAIT, 0, "", "mailbox_wait:", "", False, False, ())]
    address, index = WAIT, 0
    for number, text, instructions in _SOURCE:
        found.append(CodeLine("source", address, number, "", text, "reset.S", False, False, ()))
        for encoded, assembly, note in instructions:
            here = index == current
            others = spinning if index == 1 else ()
            found.append(CodeLine("asm", address, 0, encoded, assembly, note, here,
                                  index == 5, others))  # fmt: skip
            address += len(encoded.split())
            index += 1
    return tuple(found)


def cpu(id: int, state: CpuState, symbol: str, line: str, waits: str = "") -> CpuView:
    """One CPU; its APIC id is twice its number."""
    return CpuView(id, 2 * id, state, "long", 0xFFFF_F150 + id, symbol, line,
                   "mailbox_wait", waits, 812_344 + id, 1_204_000 - 1_000 * id)  # fmt: skip


def cpus() -> tuple[CpuView, ...]:
    """Four CPUs: the BSP waits for the ack of CPU 2."""
    return (
        cpu(0, "running", "wake_ap+0x3c", "main.c:214"),
        cpu(1, "online", "secondary_idle", "kernel.c:97", "an interrupt"),
        cpu(2, "running", "mailbox_wait+0xf", "reset.S:91"),
        cpu(3, "spinning", "mailbox_wait+0x6", "reset.S:86", "mailbox command"),
    )


def mailbox(aps: tuple[ApProgress, ...] | None = None) -> MailboxView:
    """The page while CPU 2 is being woken."""
    three = (
        ApProgress(1, "online", 3_102_554, 812_000, ""),
        ApProgress(
            2, "woken", 3_520_198, 1_190_500, "it reads the vector and clears the command"
        ),
        ApProgress(
            3, "parked", 2_402_118, 640_250, "the OS stores its id, a vector and Wakeup"
        ),
    )
    return MailboxView(0xFFFF_F000, "private", 1, "Wakeup", 0, 4, 0x0840_00A0,
                       "secondary_start", three if aps is None else aps)  # fmt: skip


def pointers() -> tuple[PointerView, ...]:
    """What registers of CPU 2 point at."""
    words = {"rax": "secondary_start", "rbx": "mailbox", "rsp": "stack of cpu 2",
             "rdi": "ap_records+0x40", "rip": "mailbox_wait+0xf"}  # fmt: skip
    return tuple(PointerView(name, text, name == "rax") for name, text in words.items())


def stack() -> StackView:
    """The stack of CPU 2 in a call, with a guess at its end."""
    return StackView(2, 3, (
        StackRow(0, 0x0840_0234, None, "head", "print+0x14 (print.c:40)", True),
        StackRow(0, 0x0880_2FD8, 0x0880_1000, "saved", "rbx of the caller  ap_records+0x40"),
        StackRow(0, 0x0880_2FE0, 0x0840_00A0, "return", "returns to secondary_main+0x20", True),
        StackRow(1, 0x0840_00A0, None, "head", "secondary_main+0x20 (smp.c:50)  by CFI", True),
        StackRow(1, 0x0880_2FE8, 0, "word", ""),
        StackRow(1, 0x0880_2FF0, 0xFFFF_8880_0000_1000, "word", ""),
        StackRow(1, 0x0880_2FF8, 0x0840_0040, "return", "returns to secondary_start", True),
        StackRow(2, 0x0840_0040, None, "head", "secondary_start  by guess", True, True, True),
        StackRow(2, 0x0880_3000, None, "word", "not mapped"),
    ), "the stack at 0x8803000 cannot be read")  # fmt: skip


def registers(changed: tuple[str, ...] = ("rax", "rip", "rflags")) -> tuple[RegisterView, ...]:
    """The registers of CPU 2 in long mode."""
    general = {
        "rax": 0x0840_00A0, "rbx": 0xFFFF_F000, "rcx": 0, "rdx": 0x2, "rsi": 0x0900_0000,
        "rdi": 0x0880_1000, "rbp": 0, "rsp": 0x0880_2FF8, "r8": 0, "r9": 0x10, "r10": 0,
        "r11": 0x246, "r12": 0, "r13": 0xFFFF_8880_0000_1000, "r14": 0, "r15": 0x7,
        "rip": 0xFFFF_F14F,
    }  # fmt: skip
    rows = [("general", name, value, 64, "") for name, value in general.items()]
    rows.append(("flags", "rflags", 0x46, 64, "PF ZF"))
    rows += [("segment", "cs", 8, 16, "base 0x0 limit 0xffffffff 64-bit"),
             ("segment", "ss", 0, 16, "not present"),
             ("segment", "gdtr", 0xFFFF_F098, 64, "limit 0xf")]  # fmt: skip
    rows += [("control", "cr0", 0x8000_0031, 64, "PE ET NE PG"),
             ("control", "cr3", 0x0824_0000, 64, ""),
             ("control", "cr4", 0x660, 64, "PAE MCE OSFXSR OSXMMEXCPT"),
             ("control", "efer", 0xD00, 64, "LME LMA NXE")]  # fmt: skip
    rows.append(("msr", "pat", 0x0007_0406_0007_0406, 64, ""))
    return tuple(
        RegisterView(group, name, value, bits, words, name in changed)  # type: ignore[arg-type]
        for group, name, value, bits, words in rows
    )


def event(tick: int, cpu: int | None, kind: EventKind, text: str) -> Event:
    """One event; virtual time runs at 3 instructions a nanosecond."""
    return Event(tick, tick // 3, cpu, kind, text)


def events() -> tuple[Event, ...]:
    """The last moments before the stop."""
    return (
        event(0, 0, "state", "cpu 0 starts at the reset vector"),
        event(
            1_204_551, 0, "exit", "TDG.VP.VMCALL: HvCallStartVirtualProcessor cpu 3: SUCCESS"
        ),
        event(2_402_118, 3, "milestone", "mailbox_wait"),
        event(3_519_902, 0, "serial", "waking cpu 2"),
        event(3_520_188, 0, "mailbox", "apic_id 0 -> 4 at wake_ap+0x1c"),
        event(3_520_193, 0, "mailbox", "vector 0 -> secondary_start at wake_ap+0x24"),
        event(3_520_198, 0, "mailbox", "command Noop -> Wakeup at wake_ap+0x2f"),
        event(3_520_309, 2, "state", "cpu 2 leaves mailbox_wait: id and command match"),
        event(3_520_311, 2, "stop", "cpu 2: break 1 at mailbox_wait+0xf"),
    )


def stopped() -> MachineView:
    """Four CPUs; CPU 2 stands just before the ack of its wake-up."""
    return MachineView(
        image="shim.elf", platform="tdx", seed=0, tick=3_520_311, virtual_ns=1_204_000,
        running=False,
        stop=(AtBreakpoint(2, 1, 0, "mailbox_wait+0xf"),),
        outcome=None, outcome_reason="", focus=2, cpus=cpus(), registers=registers(),
        code=code(), mailbox=mailbox(), code_look=CodeLook(), cpus_look=CpusLook(),
        sections=sections(events()), exit_counts=(("#UD", 232), ("pause", 56)),
        entries=(EntryView(3_402_118, "inject nmi 3", True),
                 EntryView(3_520_309, "hand 2", True)),
        held=frozenset(), schedule="timed",
        serial="apdbg shim: 4 processors\r\nwaking cpu 1\r\ncpu 1 online\r\nwaking cpu 2\r\n",
        breakpoints=(BreakpointView(1, "mailbox_wait+0xf", 0xFFFF_F14F, None, 1),),
        findings=FindingsView((), 24, DIALECT), reply=(),
        timeline=timeline(3_520_311), phases=phases(3_520_311),
    )  # fmt: skip


def phases(now: int) -> tuple[PhaseView, ...]:
    """The phases of the boot; the kernel is not known to be done."""
    bsp, aps = True, False
    rows = (
        ("reset", bsp, (), 0, 0), ("shim", bsp, (), 46, 0), ("tables", bsp, (), 1_100_000, 0),
        ("start APs", bsp, ("starting", "left"), 1_204_000, 0),
        ("parked", aps, ("parked",), 2_402_118, 3), ("kernel", bsp, (), 2_900_000, 0),
        ("wake-up", bsp, ("woken",), 3_100_000, 0), ("ack", aps, ("acked",), 3_101_000, 1),
        ("online", aps, ("online",), 3_102_554, 1), ("done", bsp, (), None, None),
    )  # fmt: skip
    return tuple(
        PhaseView(name, by, steps, tick is not None and tick <= now, tick, cpu)
        for name, by, steps, tick, cpu in rows
    )


def log_view(events: tuple[Event, ...]) -> LogView:
    """A log in which nothing is folded."""
    rows = tuple(
        LogRow(one.tick, one.virtual_ns, one.cpu, one.kind, one.text, one.tick)
        for one in events
    )
    return LogView(LogLook(), rows, len(rows), len(rows), len(rows))


LOGGED_LINES = (
    (31_202, "info", "[INFO] 4 CPUs, tdx"),
    (2_400_117, "warn", "[WARN] no hash header: nothing is verified"),
    (2_900_006, "", "uninitialized lines have no level"),
    (3_519_880, "error", "[ERROR] panicked at src/main.rs:12:5:"),
)


def logged(begun: bool = True) -> LogView:
    """What the guest has logged itself."""
    rows = tuple(
        LogRow(tick, tick * 1000, 0, "log", text, tick, level=level)
        for tick, level, text in LOGGED_LINES
        if begun
    )
    return LogView(LOGGED, rows, len(rows), 97, 97)


def regions() -> RegionsView:
    """Memory behind a shim that has handed over."""
    return RegionsView(RegionsLook(), (
        RegionRow(0x0800_0000, 64 << 20, "host", "VTL2_PROTECTABLE", "node 0"),
        RegionRow(0x0800_0000, 2 << 20, "loader", "persisted state", "", 1),
        RegionRow(0x0800_0000, 2 << 20, "E820", "RESERVED", "", 2),
        RegionRow(0x0879_4000, 8 << 10, "loader", "log", "", 1),
        RegionRow(0x0880_0000, 96 << 10, "tree", "VTL2_TDX_PAGE_TABLES", "MEMORY, node 0", 1),
        RegionRow(0xFFFF_F000, 4 << 10, "tree", "/reserved-memory/wakeup_table",
                  "intel,wakeup-mailbox"),
    ), 6)  # fmt: skip


def sections(log: tuple[Event, ...]) -> Sections:
    """What all panels need, as if nothing was filtered."""
    exits = (event(1_204_551, 0, "exit", "tdcall TDG.VP.VMCALL MapGPA"),
             event(1_204_600, 0, "exit", "cpuid 0x1 0x0"))  # fmt: skip
    waits = (WaitFact(3, "mailbox command == 1", "mailbox_wait+0x6", "0x1",
                      0, 3_520_198, True, "gva:0xfffff000/2"),)  # fmt: skip
    return Sections(
        waits=waits, stack=stack(), pointers=pointers(), log=log_view(log),
        exits=log_view(exits), regions=regions(), logged=logged(bool(log)), memory=memory(),
        tables=TablesView(2, TablesLook(), "4-level", 0x0824_0000, (2,), (
            TableRow(0, "", "", 0x0840_0000, 2 << 20, 0x0840_0000, 0, 0, "rx", True, "_start"),
            TableRow(0, "", "", 0xFFFF_E000, 4096, 0xFFFF_F000, 0, 0, "rwx", True, ""),
        ), 2),
        nested=NestedView(NestedLook(), (
            NestedRange(0x0800_0000, 64 << 20, 0x0400_0000, "rwx", "private", 0, 0, False),
            NestedRange(0x0800_0000, 64 << 20, None, "-", "private", 0, 0, True),
        ), (59, 0), 2, None),
        dtb=DtbView(DtbLook(), "kernel", 0x0881_8010, 1_288, (
            DtbRow(0, "/", "/", "", True, "", 0x0881_8048, 0),
            DtbRow(1, "/compatible", "compatible", '"microsoft,openvmm"', False, "",
                   0x0881_8060, 18),
        ), 2, "", ("wakeup_table@fffff000: 0xfffff800 is not 4 KiB aligned",)),
        profile=profile(),
        walk=WalkView(2, "rip", None, "", 0, "", "cpu 2 has not started"),
    )  # fmt: skip


def memory() -> MemoryView:
    """The mailbox page, one byte of it just changed."""
    data = bytes.fromhex("0100000004000000a00040080000000061706462672e2e2e").ljust(256, b"\0")
    fields = (FieldView(0, 2, "command", "0x1 Wakeup"),
              FieldView(8, 8, "vector", "0x84000a0 secondary_start", 0x0840_00A0))  # fmt: skip
    return MemoryView(
        "gpa", 0xFFFF_F000, "mailbox_page", "mailbox", "mailbox_page",
        (*data[:250], *(None,) * 6),
        frozenset({0xFFFF_F000}), fields, ((0xFFFF_F000, "mailbox_page"),),
    )  # fmt: skip


def timeline(now: int, end: int = 3_520_311, cpus: int = 4) -> TimelineView:
    """A boot in which every CPU but the first starts late, parks and is woken."""
    letters = ["M" + "#" * 199 + "W" + "#" * 19 + "z" * 20]
    letters += [
        ("." * 120 + "sM##" + "z" * 80 + "#W!#" + "z" * 240)[:240] for _ in range(1, cpus)
    ]
    parts = [bytes(8 if one == "#" else 0 for one in row) for row in letters]
    lanes = [LaneView(cpu, row, parts[cpu]) for cpu, row in enumerate(letters)]
    edges = tuple(max(end, 1) * cell // 240 for cell in range(241))
    folds = ((20, 7_200), (60, 1_849_394)) if end else ()
    marks = (("parked", end // 2),)
    return TimelineView(0, max(end, 1), now, end, "main", 1, marks, tuple(lanes), edges, folds)


def before() -> MachineView:
    """The first moment: one CPU at its reset vector, the others off."""
    off = [CpuView(i, 2 * i, "off", "", 0, "", "", "", "nobody has started it", 0, 0)
           for i in range(1, 4)]  # fmt: skip
    first = replace(cpu(0, "running", "reset_vector", "reset.S:12"), ticks=0, virtual_ns=0)
    return replace(
        stopped(), tick=0, virtual_ns=0, focus=0, cpus=(first, *off), mailbox=None,
        stop=(AtStart(0),),
        sections=sections(()), entries=(), exit_counts=(), serial="", breakpoints=(),
        registers=registers(()), code=code(0, ()), timeline=timeline(0, 0), phases=phases(0),
    )  # fmt: skip


def crowd(count: int = 1_024, focus: int = 700) -> MachineView:
    """Many CPUs, most of them parked, every hundredth failed."""
    many = [cpu(0, "running", "wake_ap+0x3c", "main.c:214", "ack by 700")]
    for index in range(1, count):
        state: CpuState = "failed" if index % 100 == 0 else "parked"
        waits = "" if state == "failed" else "mailbox command"
        many.append(cpu(index, state, "mailbox_wait+0x6", "reset.S:86", waits))
    words = "the OS stores its id, a vector and Wakeup"
    aps = tuple(ApProgress(i, "parked", 2_000 + i, 9_000 + i, words)
                for i in range(1, count))  # fmt: skip
    return replace(stopped(), cpus=tuple(many), focus=focus, mailbox=mailbox(aps))


def crashed() -> MachineView:
    """CPU 3 met a triple fault; several long sentences."""
    lost = replace(cpus()[3], state="shutdown", symbol="", rip=0x9_FFF8,
                   waits="page fault writing 0x9fff8 with no IDT: triple fault")  # fmt: skip
    reason = "cpu 3 shut down: page fault writing 0x9fff8 (not present at PT) with no IDT"
    return replace(
        stopped(), cpus=(*cpus()[:3], lost), focus=3, code=(), outcome="crashed",
        sections=replace(stopped().sections, profile=path()),
        outcome_reason=reason, stop=(BootEnded(None, "crashed", reason),),
        reply=("0009fff0  00 00 00 00 00 00 00 00 | ........", "nothing more is mapped"),
    )  # fmt: skip


def broken() -> MachineView:
    """Two rules broken on two CPUs; injections that wait, fired, could not be and lie ahead."""
    late = ("vector-before-ack", "error", 1, 128_866,
            "mailbox_ack at shim/mailbox_loop.inc:64",
            "the command is cleared first and the wakeup vector read after it",
            "Firmware keeps what it needs of the mailbox before it clears the command.",
            "ACPI 6.6, 5.2.12.19",
            "The OS may already write the next CPU's vector: two CPUs then start at one place.",
            "The loads of the mailbox behind the store that clears the command.")  # fmt: skip
    first = FindingView(*late)  # type: ignore[arg-type]  # a literal in a tuple is a str
    loop = FindingView(
        "wait-pauses", "warning", 3, 3_520_193, "mailbox_wait+0xa at shim/mailbox_loop.inc:31",
        "waits in a loop without PAUSE",
        "A loop that waits has a PAUSE: the other thread of the core needs the time.",
        "Intel SDM 2, PAUSE", "The CPU that is waited for runs slower.", "The loop.",
    )  # fmt: skip
    entries = (
        EntryView(0, "inject never-starts 3", True, "fired", "", 0),
        EntryView(0, "inject stall 2 5us at mailbox command=wakeup nth 3", True, "waits",
                  "2 times more"),
        EntryView(1_000, "inject nmi 2 at mailbox_wait cpu 2", True, "fired", "", 2_402_118),
        EntryView(2_000, "inject nmi 3 at tick 3000000", True, "failed",
                  "cpu 3 does not run: nothing would take it", 3_000_000),
        EntryView(2_402_200, "set cpu1:rax=5", True),
        EntryView(3_600_000, "inject nmi 1", False),
    )  # fmt: skip
    found = FindingsView((first, replace(first, cpu=2, tick=129_713), loop), 24, DIALECT)
    return replace(stopped(), findings=found, entries=entries)


VIEWS = {
    "stopped": stopped, "before": before, "crowd": crowd, "crashed": crashed, "broken": broken,
}  # fmt: skip
"""The views that every panel is drawn from in the goldens."""
