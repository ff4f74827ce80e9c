"""What the rules of the protocol look at: facts that were seen on the machine, as values.

Only what a rule needs is noted, at the moment at which it can be seen; whether it is right is
for the rules alone to say, so that a recording can be judged again by other ones.
"""

from typing import Literal

from msgspec import Struct

from emu.mailbox.dialect import LoopCode
from emu.mailbox.layout import Head

Reading = Literal["before", "after", "short", "unknown"]
"""When an AP reads the wakeup vector: before its ack, after it, before it but cut off to 32
bits, or in a way that was not seen."""


class Seen(Struct, frozen=True):
    """Where and when; `cpu` None for the host or a person."""

    tick: int
    virtual_ns: int
    cpu: int | None
    address: int
    """Linear address of the instruction; 0 where there is none."""


class Ack(Struct, frozen=True):
    """What an AP knows at the moment at which it clears the command."""

    reading: Reading
    refused: str
    """Why it could not execute at the vector with its own tables; empty if it could."""
    leaves: bool
    """It goes to a vector, or it could not be seen that it does not."""
    vector: int | None = None
    """Where it goes; None where that was not seen."""


class Stored(Seen, frozen=True):
    """Bytes of the mailbox page changed: `offset` of the first, and the head around it. Of an
    AP's ack over a Noop, which changes nothing, there are no bytes."""

    offset: int
    old: bytes
    new: bytes
    before: Head
    after: Head
    ack: Ack | None = None
    memory_type: str = ""
    """How a CPU that changes the command caches the page: `WB`, ...; empty where not seen."""


class Arrived(Seen, frozen=True):
    """A CPU reached a named place, or (`name` is "vector") the address a wake-up gave it."""

    name: str
    roles: tuple[str, ...]
    """What that place is to the boot (`emu.boot.roles`)."""
    mode: str
    interrupts: bool
    """RFLAGS.IF."""
    rsp: int


class Called(Seen, frozen=True):
    """A call to host or TDX module that a rule may mind."""

    call: str
    status: int
    shown: tuple[tuple[str, int], ...]
    """Registers that the host saw without need, with their values."""


class Started(Seen, frozen=True):
    """Somebody asks for a CPU: by StartVirtualProcessor, or by SIPI."""

    target: int
    how: Literal["StartVirtualProcessor", "SIPI"]


class Reset(Seen, frozen=True):
    """A CPU is as at power-on: the host has plugged in another one in its place."""

    target: int


class Switched(Seen, frozen=True):
    """A CPU came to another mode by a write to CR0 or EFER: of its mode before and now, whether
    it is protected, has paging on, and runs in long mode (SDM 3A, 10.8.5)."""

    before: tuple[bool, bool, bool]
    now: tuple[bool, bool, bool]


class Listens(Seen, frozen=True):
    """An AP comes to a loop at the mailbox in which none has been before."""

    loop: LoopCode


class Waited(Seen, frozen=True):
    """A CPU began to go round in a loop that waits."""

    on: Literal["mailbox", "record", ""]
    bounded: bool
    """It looks at a clock."""
    pauses: bool


class Reused(Seen, frozen=True):
    """A page that APs still run on was written by another CPU."""

    gpa: int
    users: tuple[int, ...]


class Refused(Seen, frozen=True):
    """An access to the mailbox page through a view of it that is not there."""

    gpa: int
    text: str


class Opened(Seen, frozen=True):
    """The host may see pages from now on, and so many bytes in them are not zero."""

    gpa: int
    pages: int
    bytes_set: int


class Handed(Seen, frozen=True):
    """The OS was entered: what is wrong with what it is told of the mailbox, of the pages that
    parked APs need, and of the vector by which it may hand CPUs back."""

    mailbox: tuple[str, ...]
    tables: tuple[str, ...]
    reset: tuple[str, ...]
    reserved: int
    """The mailbox's reserved word."""
    ignored: tuple[str, ...] = ()
    """Nodes of the device tree that Linux would pass over."""


class Raced(Seen, frozen=True):
    """Two CPUs touch one byte, one of them storing, with nothing that orders them."""

    gpa: int
    other: int
    other_place: str


SharedWhat = Literal["stack", "stack-below", "GS base", "FS base", "TSS", "APIC id"]
"""`stack-below`: the CPU's own stack has grown down into the other's."""


class Shared(Seen, frozen=True):
    """A CPU has what is to be one CPU's alone, and another has it too. `value`: RSP, the base,
    or the id."""

    what: SharedWhat
    value: int
    other: int


class StartPageWritten(Seen, frozen=True):
    """A page was written in which other CPUs begin, or have begun and still are."""

    gpa: int
    users: tuple[int, ...]


class CellReused(Seen, frozen=True):
    """What a CPU will load as it begins (`address`: by which instruction) is another value than
    when somebody (None: the host) had it begin."""

    by: int | None
    gva: int
    old: int
    new: int


class ClocksApart(Seen, frozen=True):
    """What two CPUs are told of the time differs: by how much the CPU's clock is ahead of the
    other's, and by how much it may, in nanoseconds."""

    other: int
    ahead_ns: int
    bound_ns: int


class Ignored(Seen, frozen=True):
    """A call was refused, and the CPU goes on without a look at the status."""

    call: str
    status: int


class Unreturned(Seen, frozen=True):
    """A CPU rests for good in the handler of an exception, which the instruction at `address`
    took: what it was, and where the CPU rests."""

    what: str
    place: str


class Ended(Seen, frozen=True):
    """The machine will not run on: the mailbox as it was left, and where the AP stands that
    it names (`cpu`)."""

    outcome: str
    head: Head


class StoodStill(Seen, frozen=True):
    """The machine will not run on: a CPU that nothing moves on any more, and why. Where and
    when it came to that are the observation's own."""

    how: Literal["fault", "halted", "loop"]
    why: str
    meant: bool
    """It gave itself up, or the machine was switched off while it idled."""


class Circled(Seen, frozen=True):
    """The machine will not run on: CPUs that wait for each other, beginning with this one."""

    members: tuple[int, ...]
    lock: bool
    """One of them holds a lock that another one wants."""
    words: str
    """Who waits for what of whom."""


Observation = (
    Stored | Arrived | Called | Started | Reset | Switched | Listens | Waited | Reused | Refused
    | Opened | Handed
    | Raced | StoodStill | Circled
    | Shared | StartPageWritten | CellReused | ClocksApart | Ignored | Unreturned
    | Ended
)  # fmt: skip
