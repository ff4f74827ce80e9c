"""The one file that drives Unicorn: a context goes in, runs as an SVM guest, an exit comes out.

Unicorn kept QEMU's AMD SVM code. One VMRUN puts the engine into guest mode; from then on the
emulated MMU walks guest and nested tables, and every intercept arrives in a hook with the
state untouched. Each CPU is a saved context of that engine. What this relies on beyond the
public interface (field offsets, hook order) is checked at start-up by `emu.hw.selftest`.
"""

import ctypes
from collections.abc import Callable, Container, Iterable
from enum import Enum
from typing import Any, Final, NamedTuple

from unicorn import unicorn_const as uc_const
from unicorn import x86_const as x86

from emu.errors import EngineError
from emu.hw import engine_native as native
from emu.hw.address import Hpa
from emu.hw.context import Context
from emu.hw.memory import HostMemory
from emu.hw.vmcb import (
    EXIT_EXCEPTION,
    EXIT_NPF,
    EXITINFO2,
    GuestState,
    msr_permission_map,
    write_vmcb,
)

VMRUN_STUB: Final = Hpa(0x1000)
IOPM: Final = Hpa(0x2000)
MSRPM: Final = Hpa(0x5000)
HOST_SAVE: Final = Hpa(0x7000)
LOW_HOST_BYTES: Final = 0x8000
"""Host pages that the engine itself needs, from HPA 0."""

TRANSLATION_BYTES: Final = 32 << 20
"""Translated code: whole boots fit, and one flush stays below 40 us."""

_INTR_BASE: Final = 0x100
"""Unicorn hands an SVM exit to its interrupt hook as this plus the exit code."""
_STORE: Final = uc_const.UC_MEM_WRITE
_RFLAGS: Final = ctypes.c_int(x86.UC_X86_REG_RFLAGS)
_WRITE_DENIED: Final = 3
"""P and W of a nested page fault's error code: a write to a page that is mapped read-only."""
_DEBUG_TRAP: Final = EXIT_EXCEPTION + 1
"""The one exception that comes behind its instruction, whose flags are as they should be."""
_CALIBRATION: Final = 0x5CA1AB1E12345
_ENGINE_WORDS: Final = 512


ACCESS_BYTES_MAX: Final = 16
"""The widest store that the emulator reports at once."""
Told = Callable[[int, int, int, int | None], None]
"""(instruction since the run began, HPA, bytes, the value stored or None for a load)."""


class _Register(ctypes.Structure):
    """What a register is read into; an MSR's number stands before the value (unicorn/x86.h,
    uc_x86_msr)."""

    _fields_ = (("msr", ctypes.c_uint32), ("value", ctypes.c_uint64))


_MSRS: Final = {"efer": 0xC0000080}
"""Registers that the emulator knows by number only."""


class ExitKind(Enum):
    """Why the engine gave the CPU back."""

    BUDGET = "budget"
    BREAKPOINT = "breakpoint"
    INTERCEPT = "intercept"
    PORT_IN = "port in"
    PORT_OUT = "port out"
    SYSCALL = "syscall"
    ERROR = "error"


class Exit(NamedTuple):
    """One exit from guest to host. `executed` counts the instructions that retired."""

    kind: ExitKind
    executed: int
    code: int = 0
    """SVM exit code for INTERCEPT, port number for ports, address for BREAKPOINT."""
    info: int = 0
    """EXITINFO2: the address of a #PF, the GPA of a nested page fault; a port's value."""
    error: int = 0
    """Error code of an exception or of a nested page fault; a port access's size in bytes."""
    text: str = ""
    """The engine's own words for ERROR."""


class Engine:
    """One Unicorn engine that lends itself to one CPU context at a time."""

    def __init__(self, memory: HostMemory) -> None:
        self.memory = memory
        self._uc = self._open(memory)
        self._handle = ctypes.c_void_p(ctypes.cast(self._uc._uch, ctypes.c_void_p).value)
        self._keep: list[Any] = []
        self._breakpoints: dict[int, ctypes.c_size_t] = {}
        self._skip: int | None = None
        self._vmcb = Hpa(0)
        self._live: Context | None = None
        self._pending: Exit | None = None
        self._in_body = False
        """Whether the exit left an instruction in the middle, not on its way to one."""
        self._flags = ctypes.c_uint64()
        self._done = 0
        self._again = 0
        self._bug: BaseException | None = None
        self._watches: list[ctypes.c_size_t] = []
        self.absorb: Callable[[int], bool] | None = None
        """Is asked about every write to a read-only page of the nested table (its GPA): if it
        has made the page writable, the instruction goes on as if nothing had been."""
        self.quiet: Container[int] | None = None
        """While set: only breakpoints at these addresses stop."""
        memory.write(VMRUN_STUB, b"\x0f\x01\xd8\xf4")  # vmrun; hlt
        memory.write(IOPM, b"\xff" * (MSRPM - IOPM))
        memory.write(MSRPM, msr_permission_map())
        self._host = self._new_context()
        self._scratch = self._new_context()
        self._count = self._find_counter()
        self._add_hooks()

    @staticmethod
    def _open(memory: HostMemory) -> Any:
        """A 64-bit engine with SVM, host paging off, all of host memory at HPA 0."""
        uc: Any = native.new_engine(uc_const.UC_ARCH_X86, uc_const.UC_MODE_64)
        uc.ctl_set_cpu_model(x86.UC_CPU_X86_EPYC)
        uc.ctl_set_tcg_buffer_size(TRANSLATION_BYTES)
        uc.mem_map_ptr(0, memory.size, uc_const.UC_PROT_ALL, memory.pointer)
        uc.reg_write(x86.UC_X86_REG_CR4, 1 << 5 | 1 << 9 | 1 << 10 | 1 << 18)
        uc.msr_write(0xC0000080, 0x1D00)  # host EFER: SVME, NXE, LMA, LME
        uc.msr_write(0xC0010117, HOST_SAVE)
        # Exits mode without exits: `until` would make each return walk the guest's tables.
        uc.ctl_exits_enabled(True)
        uc.ctl_set_exits([])
        return uc

    def _new_context(self) -> Context:
        return Context(self._uc.context_save())

    def _find_counter(self) -> Any:
        """The engine's own instruction counter, which lies just before the count it was given.

        It is found by its value: one run with a number that nothing else holds.
        """
        native.start(self._handle, VMRUN_STUB + 3, 0, 0, _CALIBRATION)
        words = (ctypes.c_uint64 * _ENGINE_WORDS).from_address(self._handle.value or 0)
        hits = [index for index, word in enumerate(words) if word == _CALIBRATION]
        if len(hits) != 1:
            raise EngineError("unicorn: the instruction counter is not where 2.1.4 has it")
        native.restore(self._handle, self._host.pointer)
        return ctypes.c_uint64.from_address((self._handle.value or 0) + 8 * (hits[0] - 1))

    def _add_hooks(self) -> None:
        """One hook per way out; each notes the exit and asks the engine to stop."""
        insn = uc_const.UC_HOOK_INSN
        self._hook(uc_const.UC_HOOK_INTR, native.INTR_HOOK(self._on_intercept))
        self._hook(insn, native.IN_HOOK(self._on_in), instruction=x86.UC_X86_INS_IN)
        self._hook(insn, native.OUT_HOOK(self._on_out), instruction=x86.UC_X86_INS_OUT)
        self._hook(
            insn, native.SYSCALL_HOOK(self._on_syscall), instruction=x86.UC_X86_INS_SYSCALL
        )

    def _hook(
        self, kind: int, callback: Any, first: int = 1, last: int = 0, instruction: int = 0
    ) -> ctypes.c_size_t:
        handle = ctypes.c_size_t()
        status = native.hook_add(
            self._handle, ctypes.byref(handle), ctypes.c_int(kind),
            ctypes.cast(callback, ctypes.c_void_p), ctypes.c_void_p(0),
            ctypes.c_uint64(first), ctypes.c_uint64(last), ctypes.c_int(instruction),
        )  # fmt: skip
        if status:
            raise EngineError(f"unicorn: cannot hook kind {kind}: error {status}")
        self._keep.append(callback)
        return handle

    # -- hooks: called by the library in the middle of a run --------------------------------

    def _on_intercept(self, _uc: int, number: int, _data: int) -> None:
        """An SVM exit. The faulting instruction was counted, unless its fetch faulted."""
        code = number - _INTR_BASE
        executed = self._executed - 1
        error, fetching = 0, False
        info = self.memory.u64(self._vmcb + EXITINFO2)
        if EXIT_EXCEPTION <= code < EXIT_EXCEPTION + 32 or code == EXIT_NPF:
            native.save(self._handle, self._scratch.pointer)
            error = self._scratch.error_code
            fetching = code in (EXIT_NPF, EXIT_EXCEPTION + 14) and self._scratch.fetching
            executed += fetching
            if not fetching and code != _DEBUG_TRAP:
                self._settle_flags()
            denied = code == EXIT_NPF and error & _WRITE_DENIED == _WRITE_DENIED
            try:
                absorbed = denied and self.absorb is not None and self.absorb(info)
            except BaseException as bug:  # lost otherwise, and the fault would come for ever
                absorbed, self._bug = False, bug
            if absorbed:
                self._again += not fetching  # the retry is counted once more
                return
        self._pending = Exit(ExitKind.INTERCEPT, executed, code, info, error)
        self._in_body = not fetching and code != _DEBUG_TRAP
        native.stop(self._handle)

    def _settle_flags(self) -> None:
        """The registers at a fault, and the engine's own, have the flags of the guest: the
        instruction is begun again from them."""
        if self._scratch.settle_flags():
            self._flags.value = self._scratch.get("rflags")
            native.put_register(self._handle, _RFLAGS, ctypes.byref(self._flags))

    @property
    def begun(self) -> int:
        """In `absorb`: instructions begun in this run, the one that faults included."""
        return self._executed

    @property
    def fault(self) -> Context:
        """In `absorb`: the registers as they are at the fault."""
        return self._scratch

    @property
    def _executed(self) -> int:
        """Instructions begun since `run`, the present one included."""
        begun: int = self._count.value
        return self._done + begun - self._again

    def _on_in(self, _uc: int, port: int, size: int, _data: int) -> int:
        """IN retires with a value of 0; who handles the exit sets the real one."""
        self._pending = Exit(ExitKind.PORT_IN, self._executed, port, 0, size)
        native.stop(self._handle)
        return 0

    def _on_out(self, _uc: int, port: int, size: int, value: int, _data: int) -> None:
        self._pending = Exit(ExitKind.PORT_OUT, self._executed, port, value, size)
        native.stop(self._handle)

    def _on_syscall(self, _uc: int, _data: int) -> None:
        self._pending = Exit(ExitKind.SYSCALL, self._executed - 1)
        native.stop(self._handle)

    def _on_breakpoint(self, _uc: int, address: int, _size: int, _data: int) -> None:
        executed = self._executed - 1
        if (executed == 0 and address == self._skip) or self._pending is not None:
            return
        if self.quiet is not None and address not in self.quiet:
            return
        self._pending = Exit(ExitKind.BREAKPOINT, executed, address)
        native.stop(self._handle)

    # -- what the machine calls -------------------------------------------------------------

    def enter_guest(self, vmcb: Hpa, state: GuestState, nested_cr3: Hpa) -> Context:
        """VMRUN: a new context in guest mode, before its first instruction."""
        write_vmcb(self.memory, vmcb, state, nested_cr3, MSRPM, IOPM)
        native.restore(self._handle, self._host.pointer)
        self._uc.reg_write(x86.UC_X86_REG_RAX, vmcb)
        self._live = None
        self.flush_tlb()  # a guest's translation of the stub's address may live on
        native.start(self._handle, VMRUN_STUB, 0, 0, 1)
        context = self._new_context()
        if context.vmcb != vmcb or context.nested_cr3 != nested_cr3:
            raise EngineError("unicorn: VMRUN did not enter guest mode as 2.1.4 does")
        for name, value in state.registers:
            context.put(name, value)
        context.dirty = False
        return context

    def run(self, context: Context, budget: int, skip: int | None = None) -> Exit:
        """Run a CPU for at most `budget` (> 0) instructions, or to its first exit.

        `skip`: a breakpoint address that does not stop the first instruction.
        """
        handle = self._handle
        if self._live is not context or context.dirty:
            native.restore(handle, context.pointer)
            self._live = context
            context.dirty = False
        self._vmcb = context.vmcb
        self._skip = skip
        self._pending = self._bug = None
        self._in_body = False
        self._done = 0
        context.changed = True
        while True:
            self._again = 0
            status = native.start(handle, context.rip, 0, 0, budget - self._done)
            native.save(handle, context.pointer)
            if self._bug is not None:
                raise self._bug
            if self._in_body or (status and status != uc_const.UC_ERR_FETCH_UNMAPPED):
                context.settle_flags()
            if self._pending is not None:
                return self._pending
            if status:
                text = native.words_of(status).decode()
                return Exit(ExitKind.ERROR, max(self._executed - 1, 0), text=text)
            # Instructions that the undo log let through were counted twice: make up for it.
            self._done += min(self._count.value, budget - self._done) - self._again
            if not self._again:
                return Exit(ExitKind.BUDGET, self._done)

    def flush_tlb(self) -> None:
        """Forget all translations of addresses; needed at a switch and after table edits."""
        native.control(self._handle, native.FLUSH_TLB)

    def flush_code(self) -> None:
        """Forget all translated code; needed after the host wrote into guest code."""
        self._uc.ctl_flush_tb()

    def watch_memory(self, hpa: int, size: int, reads: bool, told: Told) -> None:
        """Tell of every store (and load, if wanted) of the guest that touches a range of host
        memory. An access may begin below the range."""

        def access(_uc: int, kind: int, place: int, size: int, value: int, _data: int) -> None:
            told(self._executed, place, size, value if kind == _STORE else None)

        first = max(hpa - ACCESS_BYTES_MAX + 1, 0)
        kinds = (uc_const.UC_HOOK_MEM_WRITE, *((uc_const.UC_HOOK_MEM_READ,) * reads))
        for kind in kinds:
            callback = native.MEMORY_HOOK(access)
            self._watches.append(self._hook(kind, callback, first, hpa + size - 1))

    def watch_code(self, first: int, last: int, told: Callable[[int, int], None]) -> None:
        """Tell of every instruction that is begun at a range of linear addresses: which one
        since the run began, and where. `first` above `last`: of every one."""

        def begun(_uc: int, address: int, _size: int, _data: int) -> None:
            if self._pending is None:
                told(self._executed, address)

        hook = self._hook(uc_const.UC_HOOK_CODE, native.CODE_HOOK(begun), first, last)
        self._watches.append(hook)
        self.flush_code()

    def watch_nothing(self) -> None:
        """Take back all that was watched."""
        for hook in self._watches:
            native.hook_del(self._handle, hook)
        if self._watches:
            self.flush_code()
        self._watches.clear()

    def watch_register(self, register: str, told: Callable[[int, int], None]) -> None:
        """Tell when a register, by lower-case name, is another one at the beginning of an
        instruction than at that of the one before: which instruction, and the value. Another
        CPU's instruction counts as any other."""
        msr = _MSRS.get(register)
        name = "MSR" if msr is not None else register.upper()
        number = ctypes.c_int(getattr(x86, f"UC_X86_REG_{name}"))
        value, handle, seen = _Register(msr or 0), self._handle, -1
        place = ctypes.byref(value, 0 if msr is not None else _Register.value.offset)

        def begun(_uc: int, _address: int, _size: int, _data: int) -> None:
            nonlocal seen
            native.get_register(handle, number, place)
            if value.value != seen and self._pending is None:
                seen = value.value
                told(self._executed, seen)

        hook = self._hook(uc_const.UC_HOOK_CODE, native.CODE_HOOK(begun), 1, 0)
        self._watches.append(hook)
        self.flush_code()

    def set_breakpoints(self, addresses: Iterable[int]) -> None:
        """Stop before these linear addresses, on every CPU; replaces the set before."""
        wanted = set(addresses)
        if wanted == set(self._breakpoints):
            return
        for address in set(self._breakpoints) - wanted:
            native.hook_del(self._handle, self._breakpoints.pop(address))
        for address in sorted(wanted - set(self._breakpoints)):
            callback = native.CODE_HOOK(self._on_breakpoint)
            hook = self._hook(uc_const.UC_HOOK_CODE, callback, address, address)
            self._breakpoints[address] = hook
        self.flush_code()
