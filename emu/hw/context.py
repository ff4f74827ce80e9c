"""A CPU's saved state: the registers inside an engine context, by name.

The context is Unicorn's copy of its CPUX86State. Offsets are those of unicorn 2.1.4, measured,
and `emu.hw.selftest` proves every one at start-up.
"""

import ctypes
import struct
from typing import Any, Final

from msgspec import Struct
from unicorn import x86_const as x86
from unicorn.unicorn_py3.unicorn import uclib

from emu.hw.address import U64, Hpa
from emu.hw.vmcb import EXIT_INTR, EXIT_IRET, SegmentState

STATE: Final = 0x28
"""CPUX86State starts here inside a context."""
STATE_BYTES: Final = 5608 - STATE

GENERAL: Final = (
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
)  # fmt: skip
"""General registers in the order people read them."""
ENCODED: Final = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", *GENERAL[8:])
"""The same by their numbers in instructions."""
WORDS: Final = {name: 8 * index for index, name in enumerate(ENCODED)} | {
    "rip": 0x80, "cr0": 0x1A8, "cr2": 0x1B8, "cr3": 0x1C0, "cr4": 0x1C8, "efer": 0x250,
    "sysenter_esp": 0x12C8, "sysenter_eip": 0x12D0, "star": 0x12D8,
    "lstar": 0x12E8, "cstar": 0x12F0, "fmask": 0x12F8, "kernel_gs_base": 0x1300, "pat": 0x14A0,
    "dr0": 0x1518, "dr1": 0x1520, "dr2": 0x1528, "dr3": 0x1530, "dr6": 0x1548, "dr7": 0x1550,
}  # fmt: skip
"""64-bit registers and where they lie in the state."""
SEGMENTS: Final = ("es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr", "gdtr", "idtr")
VECTORS: Final = tuple(f"xmm{number}" for number in range(16))
OFFSETS: Final = WORDS | {
    "eflags": 0x88, "cc_src": 0x98, "cc_op": 0xA8, "hflags": 0xB0,
    **{name: 0xB8 + 24 * index for index, name in enumerate(SEGMENTS)},
    "xcr0": 0x1328, "mxcsr": 0x330,
    **{name: 0x338 + 0x40 * index for index, name in enumerate(VECTORS)},
    "sysenter_cs": 0x12C0,
    "error_code": 0x1508, "vmcb": 0x1580, "intercepts": 0x1590,
    "cr_intercepts": 0x1598, "nested_cr3": 0x15A8,
    "return_address": 0x15B8,
}  # fmt: skip
"""Everything that is read or written by its place in the state: no other place is used, and
`emu.hw.selftest_offsets` proves each."""
_INDEX: Final = {name: place >> 3 for name, place in WORDS.items()}
"""The same in words."""
_RIP, _CR0, _CR3, _EFER = (WORDS[name] >> 3 for name in ("rip", "cr0", "cr3", "efer"))
_SYSTEM: Final = tuple(name for name in WORDS if name not in (*GENERAL, "rip"))
_EFLAGS, _CC_SRC, _CC_OP = (OFFSETS[name] for name in ("eflags", "cc_src", "cc_op"))
ARITHMETIC: Final = 0x8D5
"""OF, SF, ZF, AF, PF and CF in RFLAGS (SDM 1, 3.4.3.1)."""
_CC_OP_FLAGS: Final = 1
"""CC_OP_EFLAGS of the emulator's translator: the arithmetic flags stand in CC_SRC as they are,
not as operands from which they are still to be computed."""
_HFLAGS, _ERROR_CODE = OFFSETS["hflags"], OFFSETS["error_code"]
_BASES: Final = {name: OFFSETS[name] + 8 >> 3 for name in SEGMENTS}
"""Where the base of each lies, in words."""
_ALL_SEGMENTS: Final = OFFSETS["es"], OFFSETS["idtr"] + 24
_FLOATING: Final = OFFSETS["mxcsr"], OFFSETS["xmm15"] + 0x40
"""MXCSR and the sixteen vector registers."""
_OVER_INIT: Final = (
    "sysenter_cs", "sysenter_esp", "sysenter_eip", "star", "lstar", "cstar", "fmask",
    "kernel_gs_base", "pat", "xcr0",
)  # fmt: skip
_X87: Final = (
    x86.UC_X86_REG_FPCW, x86.UC_X86_REG_FPSW, x86.UC_X86_REG_FPTAG,
    *range(x86.UC_X86_REG_FP0, x86.UC_X86_REG_FP7 + 1),
)  # fmt: skip
_WIDE_BYTES: Final = 16
"""No register of these is longer, and a vector register is as long."""
_VMCB, _INTERCEPTS, _CR_INTERCEPTS, _NESTED_CR3, _RETURN_ADDRESS = (
    OFFSETS[name]
    for name in ("vmcb", "intercepts", "cr_intercepts", "nested_cr3", "return_address")
)
_ON_IRET: Final = 1 << EXIT_IRET - EXIT_INTR

_SEGMENT: Final = struct.Struct("<IIQII")
_HF_CPL, _HF_INHIBIT, _HF_CS64 = 0x3, 1 << 3, 1 << 15
_HF_CS32, _HF_SS32, _HF_ADDSEG = 1 << 4, 1 << 5, 1 << 6
_HF2_GIF: Final = 1 << 32
"""Of `hflags2`, the upper half of that word: interrupts are taken at all."""
_HF2_NMI: Final = 1 << 32 + 2
"""An NMI is being handled. IRET clears it."""
_LONG, _DEFAULT_32 = 0x200, 0x400
"""L and D of a code segment's attributes."""


def segment_at(state: Any, place: int) -> SegmentState:
    """A segment or table register as it lies in the state."""
    selector, _, base, limit, flags = _SEGMENT.unpack_from(state, place)
    return SegmentState(selector, base, limit, flags >> 8 & 0xFF | flags >> 12 & 0xF00)


class StillRegisters(Struct, frozen=True):
    """A CPU's registers as they were, to be read by whoever asks later: most never do."""

    state: bytes
    rflags: int

    def get(self, name: str) -> int:
        """A 64-bit register by name."""
        if name == "rflags":
            return self.rflags
        return int.from_bytes(self.state[WORDS[name] : WORDS[name] + 8], "little")

    def segment(self, name: str) -> SegmentState:
        """A segment or table register with its hidden part."""
        return segment_at(self.state, OFFSETS[name])


class Context:
    """One CPU's registers. A change is felt the next time the engine runs this context."""

    __slots__ = (
        "_base", "_flags", "_image", "_keep", "_state", "_words", "changed", "dirty", "pointer",
    )  # fmt: skip

    def __init__(self, context: Any) -> None:
        self._keep = context
        self.pointer = ctypes.cast(context.context, ctypes.c_void_p)
        self._base = (self.pointer.value or 0) + STATE
        self._state = (ctypes.c_char * STATE_BYTES).from_address(self._base)
        self._words = memoryview(self._state).cast("B").cast("Q")
        self._flags = ctypes.c_uint64()
        self.dirty = True
        """Whether the engine must take it over before it runs."""
        self.changed = True
        """Whether it may differ from what `save` gave last."""
        self._image = b""

    @property
    def rip(self) -> int:
        """The instruction pointer."""
        return self._words[_RIP]

    def _raw(self, first: int, end: int) -> bytes:
        return ctypes.string_at(self._base + first, end - first)

    def get(self, name: str) -> int:
        """A 64-bit register by name."""
        index = _INDEX.get(name)
        if index is not None:
            return self._words[index]
        assert name == "rflags", f"there is no register {name}"
        flags = ctypes.byref(self._flags)
        uclib.uc_context_reg_read(self._keep.context, x86.UC_X86_REG_RFLAGS, flags)
        return self._flags.value

    def vector(self, number: int) -> int:
        """One of XMM0 to XMM15: 128 bits."""
        place = OFFSETS[VECTORS[number]]
        return int.from_bytes(self._raw(place, place + _WIDE_BYTES), "little")

    def put(self, name: str, value: int) -> None:
        """Set a 64-bit register by name."""
        self.dirty = self.changed = True
        if name == "rflags":
            self._flags.value = value
            flags = ctypes.byref(self._flags)
            uclib.uc_context_reg_write(self._keep.context, x86.UC_X86_REG_RFLAGS, flags)
            return
        self._words[WORDS[name] >> 3] = value & U64

    def pass_over(self, size: int) -> None:
        """An instruction of so many bytes is done with: RIP lies behind it, and what STI before
        it held back is held no longer."""
        self.dirty = self.changed = True
        words = self._words
        words[_RIP] = words[_RIP] + size & U64
        self.end_shadow()

    def general(self) -> bytes:
        """The general registers and RIP, to be compared."""
        return self._raw(0, OFFSETS["rip"] + 8)

    def still(self) -> StillRegisters:
        """The registers as they are now."""
        return StillRegisters(self._raw(0, STATE_BYTES), self.get("rflags"))

    def segment(self, name: str) -> SegmentState:
        """A segment or table register with its hidden part."""
        return segment_at(self._state, OFFSETS[name])

    def base(self, name: str) -> int:
        """The base of a segment or table register."""
        return self._words[_BASES[name]]

    def put_segment(self, name: str, segment: SegmentState) -> None:
        """Set a segment register with its hidden part; CS and SS do not change the CPL."""
        self.dirty = self.changed = True
        flags = (segment.attributes & 0xFF) << 8 | (segment.attributes & 0xF00) << 12
        values = (segment.selector, 0, segment.base, segment.limit, flags)
        _SEGMENT.pack_into(self._state, OFFSETS[name], *values)

    def put_code(self, segment: SegmentState) -> None:
        """Load CS as an entry into a handler does: what follows is code of that segment's
        size."""
        self.put_segment("cs", segment)
        words = self._words
        if segment.attributes & _LONG and words[_EFER] & 0x400:
            words[_HFLAGS >> 3] |= _HF_CS32 | _HF_SS32 | _HF_CS64
            words[_HFLAGS >> 3] &= ~_HF_ADDSEG
            return
        words[_HFLAGS >> 3] &= ~(_HF_CS32 | _HF_CS64)
        words[_HFLAGS >> 3] |= _HF_CS32 if segment.attributes & _DEFAULT_32 else 0

    @property
    def nmi_blocked(self) -> bool:
        """Whether an NMI has been taken and no IRET executed since (SDM 3, 6.7.1)."""
        return bool(self._words[_HFLAGS >> 3] & _HF2_NMI)

    def block_nmi(self) -> None:
        """An NMI is taken: the next one waits for an IRET, which exits."""
        self.dirty = self.changed = True
        self._words[_HFLAGS >> 3] |= _HF2_NMI
        self._words[_INTERCEPTS >> 3] |= _ON_IRET

    def unblock_nmi(self) -> None:
        """An IRET is about to be executed."""
        self.dirty = self.changed = True
        self._words[_HFLAGS >> 3] &= ~_HF2_NMI
        self._words[_INTERCEPTS >> 3] &= ~_ON_IRET

    def watch_window(self, watched: bool) -> None:
        """Whether a run ends at the first instruction's border at which interrupts are let
        in."""
        self.dirty = self.changed = True
        self._words[_HFLAGS >> 3] &= ~_HF2_GIF
        self._words[_HFLAGS >> 3] |= _HF2_GIF if watched else 0

    def end_shadow(self) -> None:
        """What STI or a load of SS held back is held no longer."""
        words = self._words
        if words[_HFLAGS >> 3] & _HF_INHIBIT:
            self.dirty = self.changed = True
            words[_HFLAGS >> 3] &= ~_HF_INHIBIT

    @property
    def cpl(self) -> int:
        """Current privilege level, 0 to 3."""
        return self._words[_HFLAGS >> 3] & _HF_CPL

    def put_cpl(self, level: int) -> None:
        """Set the privilege level that the engine checks against."""
        self.dirty = self.changed = True
        self._words[_HFLAGS >> 3] = self._words[_HFLAGS >> 3] & ~_HF_CPL | level

    @property
    def mode(self) -> str:
        """`real`, `protected`, `compatibility` or `long`."""
        words = self._words
        if not words[_CR0] & 1:
            return "real"
        if not words[_EFER] & 0x400:
            return "protected"
        return "long" if words[_HFLAGS >> 3] & _HF_CS64 else "compatibility"

    @property
    def coding(self) -> str:
        """`mode` as it decodes code: outside 64-bit mode a code segment without D has 16-bit
        code, as in real mode (SDM 3, 3.4.5)."""
        mode = self.mode
        if mode in ("long", "real") or self.segment("cs").attributes & _DEFAULT_32:
            return mode
        return "real"

    @property
    def holds_interrupts(self) -> bool:
        """Whether STI or a load of SS came just before: no interrupt is taken yet (SDM 3,
        6.8.3)."""
        return bool(self._words[_HFLAGS >> 3] & _HF_INHIBIT)

    @property
    def linear_rip(self) -> int:
        """The linear address of the next instruction: CS.base counts outside 64-bit mode."""
        words = self._words
        if words[_HFLAGS >> 3] & _HF_CS64 and words[_EFER] & 0x400:
            return words[_RIP]
        return self.segment("cs").base + words[_RIP]

    @property
    def code_place(self) -> tuple[int, int, int]:
        """CR3, CR0 and the linear address of the next instruction, to find its bytes by."""
        words = self._words
        if words[_HFLAGS >> 3] & _HF_CS64 and words[_EFER] & 0x400:
            return words[_CR3], words[_CR0], words[_RIP]
        return words[_CR3], words[_CR0], self.linear_rip

    def put_all(self, values: tuple[tuple[str, int], ...]) -> None:
        """Set 64-bit registers, in their order."""
        self.dirty = self.changed = True
        words = self._words
        for name, value in values:
            index = _INDEX.get(name)
            if index is None:
                self.put(name, value)
            else:
                words[index] = value & U64

    def settle_flags(self) -> bool:
        """The engine left an instruction in the middle: say where its flags are. Whether that
        had to be said.

        In a counted run the translator computes the flags into CC_SRC before the body of every
        instruction (`disas_insn`, behind the code hook), but what it notes of the
        instruction's start is how the one before left them, as operands. An exit out of the
        body puts that note back (`restore_state_to_opc`) and so misreads CC_SRC; EFLAGS, from
        which the next run begins (`x86_cpu_exec_enter`), is made of the misreading.
        """
        words = self._words
        if words[_CC_OP >> 3] & 0xFFFF_FFFF == _CC_OP_FLAGS:
            return False
        words[_CC_OP >> 3] = words[_CC_OP >> 3] & ~0xFFFF_FFFF | _CC_OP_FLAGS
        flags = words[_CC_SRC >> 3] & ARITHMETIC
        words[_EFLAGS >> 3] = words[_EFLAGS >> 3] & ~ARITHMETIC | flags
        self.dirty = self.changed = True
        return True

    @property
    def error_code(self) -> int:
        """Error code of the last exception or nested page fault."""
        return int.from_bytes(self._raw(_ERROR_CODE, _ERROR_CODE + 4), "little")

    @property
    def fetching(self) -> bool:
        """Whether the last fault hit while the engine fetched code, not while it ran any."""
        return self._words[_RETURN_ADDRESS >> 3] == 0

    def intercept_writes(self, registers: int) -> None:
        """Which control registers' writes exit, a bit for each."""
        self.dirty = self.changed = True
        words = self._words
        kept = words[_CR_INTERCEPTS >> 3] & ~(0xFFFF << 16)
        words[_CR_INTERCEPTS >> 3] = kept | registers << 16

    @property
    def vmcb(self) -> Hpa:
        """The control block this context entered guest mode with."""
        return Hpa(self._words[_VMCB >> 3])

    @property
    def nested_cr3(self) -> Hpa:
        """The nested table the engine walks for this context."""
        return Hpa(self._words[_NESTED_CR3 >> 3])

    def architectural(self) -> bytes:
        """All registers that software can see, for digests: the same bytes for the same
        state, however the engine was cut into runs."""
        words = [self._words[place >> 3] for place in WORDS.values()]
        first, end = _FLOATING
        head = struct.pack(f"<{len(words) + 1}Q", *words, self.get("rflags"))
        return head + self._raw(*_ALL_SEGMENTS) + self._raw(first, end)

    def beyond_general(self) -> bytes:
        """Everything `architectural` has but general registers, RIP and RFLAGS."""
        words = [self._words[WORDS[name] >> 3] for name in _SYSTEM]
        first, end = _FLOATING
        tail = self._raw(*_ALL_SEGMENTS) + self._raw(first, end)
        return struct.pack(f"<{len(words)}Q", *words) + tail

    def keep_over_init(self, before: "Context") -> None:
        """Have what INIT leaves alone as another context has it: MSRs of the CPU's own, x87 and
        vector registers (SDM 3, table 9-1)."""
        self.dirty = self.changed = True
        for name in _OVER_INIT:
            self._words[OFFSETS[name] >> 3] = before._words[OFFSETS[name] >> 3]
        first, end = _FLOATING
        ctypes.memmove(self._base + first, before._base + first, end - first)
        for number, held in zip(_X87, before.x87(), strict=True):
            uclib.uc_context_reg_write(self._keep.context, number, held)

    def x87(self) -> tuple[bytes, ...]:
        """FCW, FSW, FTW and the eight registers as the library gives them."""
        held = (ctypes.c_char * _WIDE_BYTES)()
        found = []
        for number in _X87:
            uclib.uc_context_reg_read(self._keep.context, number, held)
            found.append(held.raw)
        return tuple(found)

    def save(self) -> bytes:
        """Everything, for putting back later into this same context with `load`. The same
        object again while nothing has changed."""
        if self.changed:
            self._image = self._raw(0, STATE_BYTES)
            self.changed = False
        return self._image

    def load(self, saved: bytes) -> None:
        """Put back what `save` gave."""
        if saved is self._image and not self.changed:
            return  # of a thousand CPUs mostly a few have run since
        self.dirty = True
        ctypes.memmove(self._state, saved, len(saved))
        self._image, self.changed = saved, False
