"""What the VMM remembers between two exits, and what a handler may look at."""

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from msgspec import Struct, field

from emu.boot.platform import Platform
from emu.hw.address import Gpa
from emu.vmm.effects import ApicTimer, Effects, PageState, VeInfo
from emu.vmm.serial_text import SavedText, SerialText

_BEYOND_NS: Final = 1 << 60
NMI_PENDING: Final = 1 << 256
"""An NMI, above the 256 vectors of `VpState.pending`."""


class VpState(Struct):
    """One virtual processor as the hypervisor knows it."""

    apic_id: int
    vtl2_enabled: bool = False
    started: bool = False
    wait_for_sipi: bool = False
    pending: int = 0
    """What has arrived and was not taken: a bit for each vector, as in the APIC's IRR, and
    `NMI_PENDING`."""
    in_service: int = 0
    """The vectors that were taken and not ended yet: the APIC's ISR."""
    errors: int = 0
    """Errors of the APIC since its error status register was written last."""
    masked_wakes: bool = False
    """It sleeps, and an interrupt wakes it that its flags do not let in."""

    def request(self, vector: int) -> None:
        """A vector is requested; once more is no more than once."""
        self.pending |= 1 << vector


class WrongClock(Struct, frozen=True):
    """A clock that is off by `ahead_ns`, and gains `ppm` millionths since `since_ns`."""

    ahead_ns: int = 0
    ppm: int = 0
    since_ns: int = 0

    def shows(self, nanoseconds: int) -> int:
        """What it says at a moment of the right time; never less than 0."""
        gained = (nanoseconds - self.since_ns) * self.ppm // 1_000_000
        return max(nanoseconds + self.ahead_ns + gained, 0)

    def moment_of(self, shown: int) -> int:
        """The first nanosecond of right time at which it says at least so much; one beyond all
        time for a clock that stands."""
        low, high = 0, 1
        while self.shows(high) < shown and high < _BEYOND_NS:
            low, high = high, 2 * high
        while low < high:
            middle = (low + high) // 2
            if self.shows(middle) < shown:
                low = middle + 1
            else:
                high = middle
        return low


class VmmState(Struct):
    """Everything the VMM model changes over time. Only the machine writes it."""

    vps: list[VpState]
    msrs: dict[tuple[int | None, int], int] = field(default_factory=dict)
    """Modelled MSRs by (cpu or None for the partition, number)."""
    registers: dict[tuple[int | None, int], int] = field(default_factory=dict)
    """Hyper-V synthetic registers by (cpu or None for the partition, name)."""
    ports: dict[int, int] = field(default_factory=dict)
    """Values latched behind I/O ports; bit 16 of the key is the UART's DLAB bank."""
    ve_info: dict[int, VeInfo | None] = field(default_factory=dict)
    """Why the last #VE of a CPU came, until the guest asks (TD only)."""
    clocks: dict[int, WrongClock] = field(default_factory=dict)
    """CPUs whose clock tells something else than the time."""
    timers: dict[int, ApicTimer] = field(default_factory=dict)
    """Armed APIC timers by CPU."""
    devices: dict[tuple[str, int], int] = field(default_factory=dict)
    """Registers of devices in memory by (device, number)."""
    seed: int = 0
    """What random numbers come from; it never changes."""
    drawn: dict[int, int] = field(default_factory=dict)
    """Random numbers that each CPU has drawn."""
    large_pages: set[int] = field(default_factory=set)
    """2 MiB of a TD that its nested table has as one leaf, by GPA."""
    hypercall_page: Gpa | None = None
    sent: SerialText = field(default_factory=SerialText)

    @property
    def serial(self) -> bytes:
        """All that was sent through the serial port."""
        return bytes(self.sent)

    def save(self) -> "SavedVmm":
        """A copy of everything, for `load`."""
        vps = tuple(
            SavedVp(
                vp.apic_id,
                vp.vtl2_enabled,
                vp.started,
                vp.wait_for_sipi,
                vp.pending,
                vp.in_service,
                vp.errors,
                vp.masked_wakes,
            )
            for vp in self.vps
        )
        tables = dict(self.msrs), dict(self.registers), dict(self.ports), dict(self.ve_info)
        more = dict(self.clocks), dict(self.timers), dict(self.devices), dict(self.drawn)
        large = frozenset(self.large_pages)
        return SavedVmm(vps, *tables, *more, large, self.hypercall_page, self.sent.save())

    def load(self, saved: "SavedVmm") -> None:
        """Be again what `save` saw."""
        for vp, was in zip(self.vps, saved.vps, strict=True):
            vp.apic_id, vp.vtl2_enabled = was.apic_id, was.vtl2_enabled
            vp.started, vp.wait_for_sipi = was.started, was.wait_for_sipi
            vp.pending, vp.in_service, vp.errors = was.pending, was.in_service, was.errors
            vp.masked_wakes = was.masked_wakes
        self.msrs, self.registers = dict(saved.msrs), dict(saved.registers)
        self.ports, self.ve_info = dict(saved.ports), dict(saved.ve_info)
        self.clocks, self.timers = dict(saved.clocks), dict(saved.timers)
        self.devices, self.drawn = dict(saved.devices), dict(saved.drawn)
        self.large_pages = set(saved.large_pages)
        self.hypercall_page = saved.hypercall_page
        self.sent.load(saved.sent)


class SavedVp(NamedTuple):
    """What a VpState was at one moment."""

    apic_id: int
    vtl2_enabled: bool
    started: bool
    wait_for_sipi: bool
    pending: int
    in_service: int
    errors: int
    masked_wakes: bool


class SavedVmm(NamedTuple):
    """What a VmmState was at one moment."""

    vps: tuple[SavedVp, ...]
    msrs: dict[tuple[int | None, int], int]
    registers: dict[tuple[int | None, int], int]
    ports: dict[int, int]
    ve_info: dict[int, VeInfo | None]
    clocks: dict[int, WrongClock]
    timers: dict[int, ApicTimer]
    devices: dict[tuple[str, int], int]
    drawn: dict[int, int]
    large_pages: frozenset[int]
    hypercall_page: Gpa | None
    sent: SavedText


class GuestMemory(Protocol):
    """Guest memory as the host sees it: a private page of a TD reads as ciphertext.

    Every GPA is without the shared bit: the state of the page says which copy is meant."""

    def read(self, gpa: Gpa, count: int) -> bytes | None:
        """Bytes, or None where no memory lies behind the whole range."""

    def state(self, gpa: Gpa) -> PageState | None:
        """The state of the page at a GPA (shared bit cleared), None where there is none."""

    def page_states(self, gpa: Gpa, count: int) -> frozenset[PageState | None]:
        """The distinct states among `count` pages of 4 KiB from a page's start; None is one
        of them where a page has no memory."""


class Bus(Protocol):
    """Devices, as instructions reach them (`emu.vmm.devices`)."""

    def port_in(self, caller: "Caller", port: int, width: int) -> tuple[int, Effects]:
        """IN of 1, 2 or 4 bytes: the value, and what else happens."""

    def port_out(self, caller: "Caller", port: int, width: int, value: int) -> Effects:
        """OUT of 1, 2 or 4 bytes: what it does."""

    def read(self, caller: "Caller", gpa: int, width: int) -> tuple[int, Effects] | None:
        """A load from a device; None where there is none."""

    def write(self, caller: "Caller", gpa: int, width: int, value: int) -> Effects | None:
        """A store to a device; None where there is none."""


class Caller(Struct, frozen=True):
    """What a handler gets to see: who exits, with which registers, on which machine."""

    cpu: int
    registers: Callable[[str], int]
    """A register of the calling CPU by lower-case name: "rax" .. "r15", "rip"."""
    nanoseconds: int
    """The calling CPU's clock."""
    platform: Platform
    vmm: VmmState
    memory: GuestMemory
    bus: Bus
