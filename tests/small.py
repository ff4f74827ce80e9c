"""Random small guests of 1 to 4 CPUs, as lists of blocks, so that one that fails can be shrunk.

Two families. `settled`: whatever the schedule, memory and registers end the same: CPUs share
only locks, sums under them, flags and barriers. `racy`: they also race for bytes and read the
clock, so that only runs with the same schedule can be compared.
"""

import random
from itertools import cycle, islice
from typing import Any, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from tests.guest import DATA, SHARED, WINDOW, Guest, Program
from tests.straight import HANDLER, REGISTERS, Writer

Family = Literal["settled", "racy"]
CPUS_MAX: Final = 4
_PAGE: Final = 4096
OWN_PAGES: Final = 4
"""Pages of DATA, and of WINDOW, that are one CPU's alone."""
_COMMON: Final = DATA + _PAGE * OWN_PAGES * CPUS_MAX
"""Pages that racy CPUs share."""
LOCKS, SUMS, FLAGS, BARRIERS = SHARED, SHARED + 0x200, SHARED + 0x400, SHARED + 0x600
_NMIS: Final = SHARED + 0x800
_DELAYS: Final = (1, 3, 10, 40, 200, 900, 3000)

HANDLERS: Final = f"""
{HANDLER}
handler0: add qword ptr [rsp], 2
    iretq
handler6: add qword ptr [rsp], 2
    iretq
handler3: iretq
handler64: iretq
handler2: lock inc qword ptr [{_NMIS:#x}]
    iretq
"""
"""#PF maps the page, #DE and #UD skip two bytes, INT3, INT 0x40 and NMI return."""


class Block(Struct, frozen=True):
    """A few lines of one CPU. `orders`: what somebody does to the machine before it starts."""

    cpu: int
    text: str
    orders: tuple[str, ...] = ()


class Small(Struct, frozen=True):
    """One guest."""

    seed: int
    family: Family
    cpus: int
    blocks: tuple[Block, ...]
    handlers: bool = True
    speeds: tuple[float, ...] = ()
    schedule: str = ""
    mailbox: bool = False

    @property
    def source(self) -> str:
        """The program."""
        parts = []
        for cpu in range(self.cpus):
            own = [block.text for block in self.blocks if block.cpu == cpu]
            parts.append("\n".join((f"cpu{cpu}:", *own, _END)))
        return "\n".join(parts) + (HANDLERS if self.handlers else "")

    @property
    def orders(self) -> tuple[str, ...]:
        """Entries of the timeline before the first instruction."""
        schedule = (f"schedule {self.schedule}",) if self.schedule else ()
        return (*schedule, *(order for block in self.blocks for order in block.orders))

    def guest(self, code: Program, **more: Any) -> Guest:
        """What to boot; `more` as in `Guest`."""
        speeds = tuple(islice(cycle(self.speeds), self.cpus)) if self.speeds else ()
        return Guest(code, self.cpus, speeds=speeds, mailbox=self.mailbox, **more)

    def without(self, gone: set[int]) -> "Small":
        """The same guest without some of its blocks."""
        kept = tuple(block for index, block in enumerate(self.blocks) if index not in gone)
        return replace(self, blocks=kept)


_END: Final = "\n".join(
    (
        *(f"xor {name}, {name}" for name in (*REGISTERS, "rsi", "r14", "r15")),
        "mov rdi, rsp",
        "hlt",
    )
)
"""Registers that depend on who came first are cleared; RSP must be right by itself."""


class _Maker:
    """Draws the blocks of one guest."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.cpus = self.draw.choice((1, 1, 2, 2, 3, 4))
        self.racy = self.draw.random() < 0.5
        self.blocks: list[Block] = []
        self.barriers = 0

    def add(self, cpu: int, text: str, *orders: str) -> None:
        """One more block."""
        self.blocks.append(Block(cpu, text, orders))

    def pages(self, cpu: int) -> tuple[int, ...]:
        """What a CPU's plain code may touch."""
        first = DATA + _PAGE * OWN_PAGES * cpu
        own = [first + _PAGE * page for page in range(OWN_PAGES)] * 3
        own += [WINDOW + _PAGE * (OWN_PAGES * cpu + page) for page in range(OWN_PAGES - 1)]
        return tuple(own + [_COMMON, _COMMON + _PAGE] * (4 * self.racy))

    def code(self, cpu: int) -> None:
        """Straight code with flags and memory of every kind."""
        last = DATA + _PAGE * (OWN_PAGES * (cpu + 1) - 1)
        window = WINDOW + _PAGE * (OWN_PAGES * cpu + OWN_PAGES - 2)
        writer = Writer(self.draw, self.pages(cpu), frozenset((last, window)))
        if self.draw.random() < 0.3:
            writer.start()
        writer.put("test rsp, rsp", 0x8D5)
        writer.mix(self.draw.randrange(4, 24))
        # What plain code pushes stays where it is: only RSP is put back.
        self.add(cpu, "mov r15, rsp\n" + "\n".join(writer.lines) + "\nmov rsp, r15")

    def delay(self, cpu: int) -> None:
        """Some time passes."""
        self.add(cpu, f"mov ecx, {self.draw.choice(_DELAYS)}\n9: dec ecx\n jnz 9b")

    def pause(self) -> str:
        """The middle of a wait loop."""
        return self.draw.choice(("pause", "", "nop", "pause\n pause"))

    def locked(self, cpu: int) -> None:
        """A sum is added to under a lock."""
        draw, number = self.draw, self.draw.randrange(2)
        lock, total = LOCKS + 0x40 * number, SUMS + 0x40 * number
        attempt = draw.choice((
            f"mov eax, 1\n xchg [{lock:#x}], eax\n test eax, eax\n jz 2f",
            f"xor eax, eax\n mov ecx, 1\n lock cmpxchg dword ptr [{lock:#x}], ecx\n jz 2f",
            f"lock bts dword ptr [{lock:#x}], 0\n jnc 2f",
            f"xor eax, eax\n lock xadd dword ptr [{lock:#x}], eax\n test eax, eax\n jnz 3f\n"
            f"inc eax\n xchg [{lock:#x}], eax\n test eax, eax\n jz 2f\n3:",
            f"cmp dword ptr [{lock:#x}], 0\n jne 3f\n lock bts dword ptr [{lock:#x}], 0\n"
            f"jnc 2f\n3:",
        ))  # fmt: skip
        held = f"mov ecx, {draw.choice(_DELAYS)}\n4: dec ecx\n jnz 4b"
        give = draw.choice(
            (f"mov dword ptr [{lock:#x}], 0", f"lock btr dword ptr [{lock:#x}], 0")
        )
        self.add(cpu, f"""1: {attempt}
            {self.pause()}
            jmp 1b
        2: mov eax, [{total:#x}]
            {held}
            add eax, {draw.randrange(1, 100)}
            mov [{total:#x}], eax
            {give}
            xor eax, eax
            test eax, eax""")  # fmt: skip

    def told(self, cpu: int) -> None:
        """One CPU raises a flag that another one waits for."""
        draw = self.draw
        other, flag = draw.randrange(self.cpus), FLAGS + 4 * draw.randrange(32)
        if other == cpu:
            return
        raised = draw.choice((
            f"mov dword ptr [{flag:#x}], 1", f"lock bts dword ptr [{flag:#x}], 0",
            f"mov eax, 1\n xchg [{flag:#x}], eax",
        ))  # fmt: skip
        looked = draw.choice((
            f"cmp dword ptr [{flag:#x}], 0", f"test dword ptr [{flag:#x}], 1",
            f"xor eax, eax\n lock xadd [{flag:#x}], eax\n test eax, eax",
            f"xor eax, eax\n xor ecx, ecx\n lock cmpxchg [{flag:#x}], ecx\n test eax, eax",
            f"mov eax, [{flag:#x}]\n test eax, eax",
        ))  # fmt: skip
        self.add(cpu, raised)
        self.add(other, f"1: {self.pause()}\n {looked}\n jz 1b")

    def barrier(self) -> None:
        """Everybody waits until all are there."""
        if self.barriers >= 30:
            return
        place = BARRIERS + 4 * self.barriers
        self.barriers += 1
        for cpu in range(self.cpus):
            wait = f"1: {self.pause()}\n cmp dword ptr [{place:#x}], {self.cpus}\n jne 1b"
            self.add(cpu, f"lock inc dword ptr [{place:#x}]\n {wait}")

    def clock(self, cpu: int) -> None:
        """A wait for time, and perhaps for a flag of its own that nobody raises."""
        cycles = self.draw.choice((50, 1000, 20_000, 400_000))
        either = (
            f"cmp dword ptr [{FLAGS + 0x1F0:#x}], 0\n jne 2f"
            if self.draw.random() < 0.5
            else ""
        )
        self.add(cpu, f"""rdtsc
            shl rdx, 32
            or rax, rdx
            lea rbx, [rax + {cycles}]
        1: {self.pause()}
            {either}
            rdtsc
            shl rdx, 32
            or rax, rdx
            cmp rax, rbx
            jb 1b
        2:""")  # fmt: skip

    def time(self, cpu: int) -> None:
        """The clock goes into memory."""
        place = DATA + _PAGE * OWN_PAGES * cpu + 8 * self.draw.randrange(500)
        self.add(cpu, f"rdtsc\n mov [{place:#x}], eax\n mov [{place + 4:#x}], edx")

    def table(self, cpu: int) -> None:
        """The last page of the CPU's window comes, changes and goes."""
        draw = self.draw
        page = OWN_PAGES * cpu + OWN_PAGES - 1
        at, entry = WINDOW + _PAGE * page, f"[{page * 8:#x} + {{PT2}}]"
        first, second = (
            DATA + _PAGE * (OWN_PAGES * cpu + draw.randrange(OWN_PAGES)) for _ in "12"
        )
        flush = draw.choice((f"invlpg [{at:#x}]", "mov rax, cr3\n mov cr3, rax"))
        self.add(cpu, f"""mov qword ptr {entry}, {first | 3:#x}
            invlpg [{at:#x}]
            add dword ptr [{at + 4 * draw.randrange(1000):#x}], {draw.randrange(100)}
            mov qword ptr {entry}, {second | draw.choice((3, 0x23, 0x63)):#x}
            invlpg [{at:#x}]
            mov eax, [{at + 8:#x}]
            adc [{at + 12:#x}], eax
            mov qword ptr {entry}, 0
            {flush}
            {draw.choice(("", f"inc dword ptr [{at + 16:#x}]"))}""")  # fmt: skip

    def fault(self, cpu: int) -> None:
        """An exception, a call to the host, or what only the machine does, between a
        comparison and who looks at it."""
        what = self.draw.choice((
            "ud2", "int3", "int 0x40", "xor ecx, ecx\n div ecx", "pause", "cpuid",
            "mov al, 65\n out 0xE9, al", "mov ecx, 0x277\n rdmsr", "in al, 0x61", "wbinvd",
            "mov rax, cr0\n mov cr0, rax", "mov rax, cr4\n xor eax, 0x100000\n mov cr4, rax",
            "clts", "mov ecx, 0xC0000080\n rdmsr\n wrmsr", "rdrand rax", "rdseed cx",
            f"mov byte ptr [{WINDOW + _PAGE * OWN_PAGES * cpu + 5:#x}], 1",
        ))  # fmt: skip
        place = DATA + _PAGE * OWN_PAGES * cpu + 0x800
        self.add(
            cpu, f"cmp esi, {self.draw.randrange(9)}\n {what}\n setbe byte ptr [{place:#x}]"
        )

    def nmi(self, cpu: int) -> None:
        """Somebody outside sends an NMI."""
        moment = self.draw.randrange(1, 1500)
        when = f"tick {moment}" if self.racy else f"time {moment}"
        self.add(cpu, "nop", f"inject nmi {cpu} at {when}")

    def again(self, cpu: int) -> None:
        """A store to code that is about to be executed."""
        self.add(cpu, f"""lea rbx, [rip + 3f]
            mov dword ptr [rbx + 1], {self.draw.getrandbits(30)}
        3: mov eax, 7
            add [{DATA + _PAGE * OWN_PAGES * cpu + 0x810:#x}], eax""")  # fmt: skip


def small(seed: int) -> Small:
    """The guest of a seed."""
    maker = _Maker(seed)
    draw = maker.draw
    kinds = [maker.code, maker.code, maker.code, maker.delay, maker.locked, maker.locked,
             maker.told, maker.table, maker.fault, maker.fault, maker.again]  # fmt: skip
    if maker.racy or maker.cpus == 1:
        kinds += [maker.clock, maker.time]
    if maker.racy:
        kinds += [maker.nmi]
    for _ in range(draw.randrange(3, 12)):
        if draw.random() < 0.1:
            maker.barrier()
        else:
            draw.choice(kinds)(draw.randrange(maker.cpus))
    return Small(
        seed, "racy" if maker.racy else "settled", maker.cpus, tuple(maker.blocks),
        handlers=draw.random() < 0.95,
        speeds=draw.choice(((), (), (1.0, 0.5), (0.3, 1.0, 0.7))),
        schedule=draw.choice(("", "", "", f"random {seed % 1000}", "timed quantum 50")),
        mailbox=draw.random() < 0.2,
    )  # fmt: skip
