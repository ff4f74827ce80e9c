"""The one file that drives Unicorn: a context goes in, runs as an SVM guest, an exit comes out.

Unicorn kept QEMU's AMD SVM code. One VMRUN puts the engine into guest mode; from then on the
emulated MMU walks guest and nested tables, and every intercept arrives in a hook with the
state untouched. Each CPU is a saved context of that engine. What lies beyond the public
interface is checked at start-up by `emu.hw.selftest`.
"""

import ctypes
from collections.abc import Callable
from typing import Final

from unicorn import unicorn_const as uc_const
from unicorn import x86_const as x86

from emu.errors import EngineError
from emu.hw import engine_native as native
from emu.hw.address import Hpa
from emu.hw.context import Context
from emu.hw.engine_alone import STORES_MAX
from emu.hw.engine_breakpoints import BlockBreakpoints
from emu.hw.engine_host import CodePages, Library
from emu.hw.engine_ports import Ports
from emu.hw.engine_translated import Translating
from emu.hw.engine_watches import Watches
from emu.hw.exit import Exit, ExitKind
from emu.hw.memory import HostMemory
from emu.hw.vmcb import (
    EXIT_EXCEPTION,
    EXIT_NPF,
    EXIT_VINTR,
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

_INTR_BASE: Final = 0x100
"""Unicorn hands an SVM exit to its interrupt hook as this plus the exit code."""
_OF_VMLOAD: Final = ("fs", "gs", "ldtr", "tr")
"""Segment registers that VMRUN leaves as they are, for VMLOAD to load (APM 2, 15.5.1)."""
_RFLAGS: Final = ctypes.c_int(x86.UC_X86_REG_RFLAGS)
_RIP: Final = ctypes.c_int(x86.UC_X86_REG_RIP)
_WRITE_DENIED: Final = 3
"""P and W of a nested page fault's error code: a write to a page that is mapped read-only."""
_DEBUG_TRAP: Final = EXIT_EXCEPTION + 1
"""The one exception that comes behind its instruction, whose flags are as they should be."""


class Engine(Translating):
    """One Unicorn engine that lends itself to one CPU context at a time."""

    def __init__(self, memory: HostMemory, td: bool = False) -> None:
        self.memory = memory
        self._library = Library(memory, HOST_SAVE)
        self.handle, self.hook = self._library.handle, self._library.hook
        self._vmcb = Hpa(0)
        self._live: Context | None = None
        self.pending: Exit | None = None
        self._in_body = False
        """Whether the exit left an instruction in the middle, not on its way to one."""
        self._flags = ctypes.c_uint64()
        self._root = ctypes.pointer(ctypes.c_uint64())
        self._code = CodePages(self.handle, memory)
        self._done = 0
        self.stores = self._stores_end = 0
        self.whole = 0
        """Behind `steps` that came to an exit: how many there were before that instruction."""
        self._again = 0
        self._odd = False
        """A hook has done something: there is more to a step than its instruction."""
        self._bug: BaseException | None = None
        self.watches = Watches(self)
        self.absorb: Callable[[int], bool] | None = None
        """Is asked about every write to a read-only page of the nested table (its GPA): if it
        has made the page writable, the instruction goes on as if nothing had been."""
        self.own_code = None
        """Knows the pages that code was translated from."""
        self.loads = None
        """Knows the instructions that load descriptors."""
        self._alone = False  # the run stopped before a store to such a page
        self.breakpoints = BlockBreakpoints(self)
        self._cut = False
        """The run ends early, for a breakpoint's sake."""
        self._flushed = False
        """Nothing has run since the TLB was flushed."""
        memory.write(VMRUN_STUB, b"\x0f\x01\xd8\xf4")  # vmrun; hlt
        memory.write(IOPM, b"\xff" * (MSRPM - IOPM))
        memory.write(MSRPM, msr_permission_map(td))
        self._host = self.new_context()
        self._scratch = self.new_context()
        self.ports = Ports(self, td)
        self._count, self._limit = self._library.counters(VMRUN_STUB + 3)
        native.restore(self.handle, self._host.pointer)
        self._add_hooks()

    def new_context(self) -> Context:
        """A context of its own."""
        return self._library.new_context()

    def _add_hooks(self) -> None:
        """One hook per way out; each notes the exit and asks the engine to stop."""
        insn = uc_const.UC_HOOK_INSN
        self.hook(uc_const.UC_HOOK_EDGE_GENERATED, native.EDGE_HOOK(self._on_translated))
        self.hook(uc_const.UC_HOOK_INTR, native.INTR_HOOK(self._on_intercept))
        self.hook(
            insn, native.SYSCALL_HOOK(self._on_syscall), instruction=x86.UC_X86_INS_SYSCALL
        )

    # -- hooks: called by the library in the middle of a run --------------------------------

    def _on_intercept(self, _uc: int, number: int, _data: int) -> None:
        """An SVM exit. The faulting instruction was counted, unless its fetch faulted."""
        self._odd = True
        code = number - _INTR_BASE
        executed = self._done + self._count.value - self._again - 1  # `begun`, but for this one
        if code == EXIT_NPF or EXIT_EXCEPTION <= code < EXIT_EXCEPTION + 32:
            self._on_fault(code, executed)
            return
        if code == EXIT_VINTR:
            self._on_window()
            return
        self.leave(Exit(ExitKind.INTERCEPT, executed, code), in_body=True)

    def _on_window(self) -> None:
        """Between two instructions: interrupts are let in. The emulator would come here again
        before it looks whether it is to stop, so the window is closed in its own registers."""
        native.save(self.handle, self._scratch.pointer)
        self._scratch.watch_window(False)
        native.restore(self.handle, self._scratch.pointer)
        if self.pending is None:  # else behind a port's access or SYSCALL, told in their middle
            executed = self._done + self._executed - self._again
            self.leave(Exit(ExitKind.BUDGET, executed))

    def _on_fault(self, code: int, executed: int) -> None:
        """An exception, or an access that the nested table refuses."""
        info = self.memory.u64(self._vmcb + EXITINFO2)
        native.save(self.handle, self._scratch.pointer)
        error = self._scratch.error_code
        fetching = code in (EXIT_NPF, EXIT_EXCEPTION + 14) and self._scratch.fetching
        executed += fetching
        if not fetching and code != _DEBUG_TRAP:
            self._settle_flags()
        denied = code == EXIT_NPF and error & _WRITE_DENIED == _WRITE_DENIED
        try:
            self._alone = denied and self.own_code is not None and self.own_code.opens(info)
            ours = denied and not self._alone
            absorbed = ours and self.absorb is not None and self.absorb(info)
        except BaseException as bug:  # lost otherwise, and the fault would come for ever
            absorbed, self._bug = False, bug
        if absorbed:
            self._again += not fetching  # the retry is counted once more
            return
        if not self._alone:
            self.pending = Exit(ExitKind.INTERCEPT, executed, code, info, error)
        self._in_body = not fetching and code != _DEBUG_TRAP
        native.stop(self.handle)

    def _settle_flags(self) -> None:
        """The registers at a fault, and the engine's own, have the flags of the guest: the
        instruction is begun again from them."""
        if self._scratch.settle_flags():
            self._flags.value = self._scratch.get("rflags")
            native.put_register(self.handle, _RFLAGS, ctypes.byref(self._flags))

    @property
    def fault(self) -> Context:
        """In `absorb`: the registers as they are at the fault."""
        return self._scratch

    @property
    def begun(self) -> int:
        """In a hook: instructions begun since `run`, the present one included."""
        begun: int = self._count.value
        return self._done + begun - self._again

    def cut(self, count: int) -> None:
        """In a hook: end the run after so many more instructions, if that is earlier. That it
        had no more left is no cut: where a budget ends, no breakpoint stops."""
        end = self._count.value + count
        if end < self._limit.value:
            self._limit.value, self._cut, self._odd = end, True, True

    def _on_syscall(self, _uc: int, _data: int) -> None:
        native.get_register(self.handle, _RIP, self._root)
        self.leave(Exit(ExitKind.SYSCALL, self.begun - 1, info=self._root.contents.value))

    def leave(self, exit_: Exit, in_body: bool = False) -> None:
        """In a hook: the run ends here."""
        self.pending, self._odd = exit_, True
        self._in_body |= in_body
        native.stop(self.handle)

    # -- what the machine calls -------------------------------------------------------------

    def enter_guest(self, vmcb: Hpa, state: GuestState, nested_cr3: Hpa) -> Context:
        """VMRUN: a new context in guest mode, before its first instruction."""
        write_vmcb(self.memory, vmcb, state, nested_cr3, MSRPM, IOPM)
        native.restore(self.handle, self._host.pointer)
        self._library.uc.reg_write(x86.UC_X86_REG_RAX, vmcb)
        self._live = None
        self.flush_tlb()  # a guest's translation of the stub's address may live on
        native.start(self.handle, VMRUN_STUB, 0, 0, 1)
        self.breakpoints.rebuild()  # the guest's first block has been translated already
        context = self.new_context()
        if context.vmcb != vmcb or context.nested_cr3 != nested_cr3:
            raise EngineError("unicorn: VMRUN did not enter guest mode as 2.1.4 does")
        for name, value in state.registers:
            context.put(name, value)
        for name, segment in state.segments:
            if name in _OF_VMLOAD:
                context.put_segment(name, segment)
        context.watch_window(False)
        return context

    def run(
        self, context: Context, budget: int, skip: int | None = None, window: bool = False
    ) -> Exit:
        """Run a CPU for at most `budget` (> 0) instructions, or to its first exit. BUDGET comes
        earlier behind STORES_MAX stores to code, each of which takes the host very long.

        `skip`: a breakpoint address that does not stop the first instruction. `window`: BUDGET
        comes at the first instruction's border at which interrupts are let in, too.
        """
        self.breakpoints.window = window
        if window:
            context.watch_window(True)
        self._begin(context, skip)
        status = self._stretch(context, budget)
        exit_ = self.pending
        if exit_ is None or self._alone:
            exit_ = self._to_end(context, status, budget)
        if window:
            context.watch_window(False)
        return exit_

    def steps(self, context: Context, count: int, skip: int | None = None) -> Exit:
        """Single instructions, `count` (> 0) of them or to the first exit: for each of them all
        is as behind `flush_tlb` and `run(context, 1)`, breakpoints stop before any of them but
        a first one at `skip`, and `executed` counts them all. BUDGET comes earlier where an
        instruction went on behind a fault: what was opened for it is the caller's to close."""
        self._begin(context, skip)
        self._take_over(context)
        start, save, flush = native.start, native.save, native.control
        handle, pointer, order = self.handle, context.pointer, native.FLUSH_TLB
        stops = self.breakpoints
        self._odd = False
        for done in range(1, count + 1):
            self._done = done - 1
            flush(handle, order)
            status = start(handle, context.rip, 0, 0, 1)
            save(handle, pointer)
            if self._odd or status or stops.shadow_end > 0:
                self.whole = done - 1
                self._finish(context, status)
                return self._to_end(context, status, done)
        self._flushed = False
        return Exit(ExitKind.BUDGET, count)

    def _to_end(self, context: Context, status: int, budget: int) -> Exit:
        """What a run comes to whose first stretch has ended."""
        while (exit_ := self._outcome(context, status, budget)) is None:
            status = self._stretch(context, budget - self._done)
        return exit_

    def _begin(self, context: Context, skip: int | None) -> None:
        """A run begins."""
        self._vmcb = context.vmcb
        stops = self.breakpoints
        stops.begin(skip)
        if stops.left and self._flushed:
            self._drop_hooks()
        if stops.outdated:
            self.flush_code()
        self.pending = self._bug = None
        self._done = 0
        self._stores_end = self.stores + STORES_MAX
        context.changed = True

    def _outcome(self, context: Context, status: int, budget: int) -> Exit | None:
        """What a stretch came to; None if the run goes on."""
        if self._alone:
            self._done = self.begun - 1
            status = self._store_alone(context)
            if self.pending is None and not status:
                over = self._done >= budget or self.stores >= self._stores_end
                return Exit(ExitKind.BUDGET, self._done) if over else None
        if self.pending is not None:
            return self.pending
        if status:
            text = native.words_of(status).decode()
            return Exit(ExitKind.ERROR, max(self.begun - 1, 0), text=text)
        # Instructions that the undo log let through were counted twice: make up for it.
        self._done += self._executed - self._again
        if self._done == self.breakpoints.shadow_end:
            context.end_shadow()
        if self._cut:
            address = context.linear_rip
            if self.breakpoints.arrived(address, self._done):
                return Exit(ExitKind.BREAKPOINT, self._done, address)
            if self._done < budget and address in self.breakpoints.loads:
                return self._loaded(context, budget)
        elif not self._again:
            return Exit(ExitKind.BUDGET, self._done)
        return None

    def _loaded(self, context: Context, budget: int) -> Exit | None:
        """Behind an instruction that loads descriptors."""
        status = self._load_alone(context)
        if self.pending is not None:
            return self.pending
        if status:
            return Exit(ExitKind.ERROR, self._done, text=native.words_of(status).decode())
        return Exit(ExitKind.BUDGET, self._done) if self._done >= budget else None

    @property
    def _executed(self) -> int:
        """Behind a stretch: the instruction at which its limit was seen is counted, too."""
        return int(min(self._count.value, self._limit.value))

    def _take_over(self, context: Context) -> None:
        """A context is about to run: nothing is known of the run yet."""
        if self._live is not context or context.dirty:
            native.restore(self.handle, context.pointer)
            self._live = context
            context.dirty = False
        self._again, self._in_body, self._alone, self._cut = 0, False, False, False
        self.ports.refused = False

    def _stretch(self, context: Context, limit: int, again: int = 0) -> int:
        """One call of the library, to the limit or to what stops it; its status. `again`: so
        many of the instructions are known to be counted twice."""
        self._take_over(context)
        self._again = again
        status: int = native.start(self.handle, context.rip, 0, 0, limit)
        native.save(self.handle, context.pointer)
        self._finish(context, status)
        return status

    def _finish(self, context: Context, status: int) -> None:
        """A stretch is over."""
        self._flushed = False
        if self._bug is not None:
            raise self._bug
        if self.pending is not None and self.pending.kind is ExitKind.SYSCALL:
            context.put("rip", self.pending.info)  # the library has gone past it
        if self.breakpoints.unhooked:
            self.breakpoints.rebuild()
        if self.ports.refused:
            self.ports.put_back(context)
        if self._in_body or (status and status != uc_const.UC_ERR_FETCH_UNMAPPED):
            context.settle_flags()

    def flush_tlb(self) -> None:
        """Forget all translations of addresses; needed at a switch and after table edits."""
        native.control(self.handle, native.FLUSH_TLB)
        self._flushed = True

    def _drop_hooks(self) -> None:
        """Take back the hooks of blocks without a breakpoint. For each the emulator looks for
        its code by a page walk: through the host's tables, so that the guest's stay as they
        are, and where the TLB is empty, so that it is empty again."""
        hooks = self.breakpoints.unused()
        if not hooks:
            return
        native.restore(self.handle, self._host.pointer)
        self._live = None
        for hook in hooks:
            native.hook_del(self.handle, hook)
        self.flush_code()
        self.flush_tlb()

    def went_back(self, pages: set[int]) -> None:
        """Pages of the host hold what they held before: code that was translated from others
        is as good as ever, and costs most of a short run if it must be translated again."""
        if self._code.among(pages):
            self.flush_code()
        elif self.own_code is not None:
            self.own_code.went_back()

    def wrote(self, page: int) -> None:
        """The host wrote to a page of its memory."""
        if self._code.among({page}):
            self.flush_code()

    def flush_code(self) -> None:
        """Forget all translated code; needed after the host wrote into guest code."""
        native.control(self.handle, native.FLUSH_CODE)
        self._code.pages.clear()
        self.breakpoints.forget()
        if self.own_code is not None:
            self.own_code.forget()
