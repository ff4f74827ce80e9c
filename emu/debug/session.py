"""The only door to a machine: commands go in, frozen views come out.

`do` carries a command out wholly. A screen uses `begin` and `pump` instead: the same command
in short stretches, between which keys are read. The host's clock decides only how long a
stretch is; the guest cannot tell.
"""

import time
from collections.abc import Callable
from typing import Final

from emu.boot.disasm import Instruction
from emu.boot.disasm import decode as decode_instruction
from emu.debug import answers, command, picture
from emu.debug.breakpoint import Breakpoints, resolve
from emu.debug.digest import digest
from emu.debug.outcome import Verdict, verdict
from emu.debug.schedule import Slice, next_slice
from emu.debug.setup import Options, Setup
from emu.debug.view import MachineView, StopReason
from emu.errors import CommandError
from emu.hw.cpu import Cpu
from emu.hw.selftest import require as require_emulator
from emu.machine.machine import Machine, Pause

STRETCH_TICKS: Final = 200_000
"""Instructions between two looks at the host's clock: 5 to 10 ms."""
FOREVER: Final = 1 << 62

_Goal = Callable[[], bool]
"""Whether the command that runs has reached what it was for; called when the CPUs pause."""


class Session:
    """One machine and everything a person has said about it."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.focus = 0
        self._build()

    def _build(self) -> None:
        layout = self.setup.layout()
        self.machine = Machine(self.setup.platform, layout, self.setup.seed)
        self.breakpoints = Breakpoints(self.machine)
        self.stop: tuple[StopReason, ...] = (
            StopReason(0, "start", "before the first instruction"),
        )
        self.verdict: Verdict | None = None
        self._slice: Slice | None = None
        self._goal: _Goal | None = None
        self._tick_max = self.setup.max_ticks
        self._reply: tuple[str, ...] = ()
        self._seen = picture.register_values(self.machine.cpus[self.focus])

    # -- commands ---------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether a command is being carried out."""
        return self._goal is not None

    def do(self, what: command.Command | str) -> MachineView:
        """Carry a command out wholly; raises CommandError, and then nothing has changed."""
        self.begin(what)
        while self.pump(FOREVER):
            pass
        return self.view()

    def begin(self, what: command.Command | str) -> None:
        """Start a command; `pump` carries it on while `running`."""
        order = command.parse(what) if isinstance(what, str) else what
        if self.running:
            raise CommandError("the machine is running: pause it first")
        self._reply = ()
        match order:
            case command.Step(cpu, count):
                self._begin_step(self._cpu(cpu), count)
            case command.Next(cpu, count):
                self._begin_next(self._cpu(cpu), count)
            case command.Finish():
                self._begin_finish(self._cpu(None))
            case command.Run(ticks):
                self._begin_run(ticks)
            case command.Until(where):
                self.breakpoints.until(resolve(self.machine, where), where, None)
                self._begin_run(None)
            case command.Reset():
                self._reset()
            case command.SelectCpu(cpu):
                self.focus = self._cpu(cpu).id
                self._seen = picture.register_values(self.machine.cpus[self.focus])
            case command.Break(where, cpu):
                point = self.breakpoints.add(where, cpu)
                places = ", ".join(f"{address:#x}" for address in point.addresses)
                self._reply = (f"breakpoint {point.number} at {where}: {places}",)
            case command.Delete(number):
                self.breakpoints.delete(number)
            case _:
                self._reply = answers.answer(self, order)

    def _cpu(self, index: int | None) -> Cpu:
        wanted = self.focus if index is None else index
        if wanted >= len(self.machine.cpus):
            last = len(self.machine.cpus) - 1
            raise CommandError(f"there is no cpu {wanted}: they are 0 to {last}")
        return self.machine.cpus[wanted]

    def _movable(self, cpu: Cpu) -> Cpu:
        """A CPU that can execute an instruction now; CommandError says why one cannot."""
        if self.verdict is not None and self.verdict.outcome != "limit":
            raise CommandError(f"the machine stopped for good: {self.verdict.reason}")
        if cpu.activity not in ("running", "waiting"):
            raise CommandError(f"cpu {cpu.id} cannot step: {picture.why_still(cpu)}")
        return cpu

    def _begin_step(self, cpu: Cpu, count: int) -> None:
        self._movable(cpu)
        self.focus = cpu.id
        self._before()
        left = count

        def step() -> bool:
            nonlocal left
            for _ in range(min(left, STRETCH_TICKS)):
                if cpu.activity not in ("running", "waiting") or self._final():
                    return True
                self.machine.step(cpu)
                left -= 1
            return left <= 0

        self._stepping(cpu)
        self._goal = step
        self.stop = (StopReason(cpu.id, "step", f"cpu {cpu.id} stepped"),)

    def _stepping(self, cpu: Cpu) -> None:
        """The user takes the schedule into their own hands for one CPU."""
        self._slice = None
        self.machine.switch_to(cpu)

    def _begin_next(self, cpu: Cpu, count: int) -> None:
        self._movable(cpu)
        self.focus = cpu.id
        self._before()
        left, piece = count, self._piece(cpu)

        def over() -> bool:
            """Each piece is one instruction, or a call up to its return."""
            nonlocal left, piece
            if not piece():
                return False
            left -= 1
            reached = all(stop.kind in ("until", "step") for stop in self.stop)
            if left <= 0 or not reached or self._final():
                return True
            self.breakpoints.forget_temporary()
            piece = self._piece(cpu)
            return False

        self._goal = over

    def _piece(self, cpu: Cpu) -> _Goal:
        """What carries one CPU over its next instruction; the others run during a call."""
        code = self._instruction(cpu)
        if code is not None and (code.kind == "call" or code.repeats):
            after = self.machine.linear_rip(cpu) + code.size
            self.breakpoints.until((after,), f"after the {code.mnemonic}", cpu.id)
            self._tick_max = self.setup.max_ticks
            self.stop = ()
            return self._run_stretch

        def step() -> bool:
            self._stepping(cpu)
            if cpu.activity in ("running", "waiting"):
                self.machine.step(cpu)
            self.stop = (StopReason(cpu.id, "step", f"cpu {cpu.id} stepped"),)
            return True

        return step

    def _instruction(self, cpu: Cpu) -> Instruction | None:
        code = self.machine.code_bytes(cpu)
        return decode_instruction(code, cpu.registers.rip, cpu.registers.mode)

    def _begin_finish(self, cpu: Cpu) -> None:
        """Step until the RET that leaves this depth of the stack has run."""
        depth = self._movable(cpu).registers.get("rsp")
        self._before()
        self._stepping(cpu)
        self.stop = (StopReason(cpu.id, "step", f"cpu {cpu.id} left its function"),)

        def step() -> bool:
            for _ in range(STRETCH_TICKS):
                if cpu.activity not in ("running", "waiting") or self._final():
                    return True
                code = self._instruction(cpu)
                self.machine.step(cpu)
                left = code is not None and code.kind == "ret"
                if left and cpu.registers.get("rsp") > depth:
                    return True
            return False

        self._goal = step

    def _begin_run(self, ticks: int | None) -> None:
        if self.verdict is not None:
            self.breakpoints.forget_temporary()
            raise CommandError(f"the machine stopped for good: {self.verdict.reason}")
        self._before()
        limit = self.setup.max_ticks
        self._tick_max = limit if ticks is None else min(limit, self.machine.tick + ticks)
        self.stop = ()
        self._goal = self._run_stretch

    def _before(self) -> None:
        self._seen = picture.register_values(self.machine.cpus[self.focus])

    def _reset(self) -> None:
        points = self.breakpoints.listed
        self._build()
        self.breakpoints.listed = points
        self.breakpoints.apply()

    # -- running ----------------------------------------------------------------------------

    def pump(self, seconds: float) -> bool:
        """Carry the running command on for about so long; True while it is not finished."""
        end = time.perf_counter() + seconds
        while self._goal is not None:
            if self._goal():
                self._finish()
            elif time.perf_counter() >= end:
                break
        return self.running

    def pause(self) -> None:
        """Stop a running command where it is."""
        if self.running:
            self.stop = (StopReason(None, "pause", "paused"),)
            self._finish()

    def _finish(self) -> None:
        self._goal = None
        self.breakpoints.forget_temporary()
        if self._final():
            self._conclude()

    def _final(self) -> bool:
        return self.machine.powered_off or bool(self.machine.crash)

    def _conclude(self, hung: bool = False, limit: bool = False) -> None:
        self.verdict = verdict(self.machine, hung=hung, limit=limit)
        self.stop = (StopReason(None, "outcome", self.verdict.reason),)

    def _run_stretch(self) -> bool:
        """The CPUs run in schedule order until something stops them or time is up."""
        machine = self.machine
        if self._slice is None:
            self._slice = next_slice(machine)
            if self._slice is None:
                self._conclude(hung=True)
                return True
            machine.switch_to(self._slice.cpu)
        left = self._tick_max - machine.tick
        if left <= 0:
            return self._out_of_ticks()
        cpu = self._slice.cpu
        goal = machine.tick + min(left, STRETCH_TICKS)
        pause = machine.run(cpu, self._slice.until_ps, goal)
        if pause is Pause.SLICE:
            self._slice = None
        elif pause is Pause.BREAKPOINT:
            return self._at_breakpoint(cpu)
        return pause is Pause.OUTCOME

    def _out_of_ticks(self) -> bool:
        if self.machine.tick >= self.setup.max_ticks:
            self._conclude(limit=True)
        else:
            self.stop = (StopReason(None, "limit", "the ticks asked for have run"),)
        return True

    def _at_breakpoint(self, cpu: Cpu) -> bool:
        """Several breakpoints may stand at one place; each is a reason of its own."""
        address = self.machine.linear_rip(cpu)
        place = self.machine.place(cpu)
        self.focus = cpu.id
        reasons = []
        for point in self.breakpoints.hit(address, cpu.id):
            if point.number:
                text = f"cpu {cpu.id}: break {point.number} at {place}"
                reasons.append(StopReason(cpu.id, "breakpoint", text))
            else:
                reasons.append(StopReason(cpu.id, "until", f"cpu {cpu.id}: reached {place}"))
        self.stop = tuple(reasons)
        return True

    # -- looking ----------------------------------------------------------------------------

    def view(self, focus: int | None = None) -> MachineView:
        """A frozen picture of everything; looking changes nothing."""
        if focus is not None and focus != self.focus:
            self.focus = self._cpu(focus).id
            self._seen = picture.register_values(self.machine.cpus[self.focus])
        return picture.view(self, self._seen, self._reply)

    def symbols(self) -> list[str]:
        """Every name that `break` and `until` know, sorted."""
        return self.machine.layout.symbols.names()

    def digest(self) -> str:
        """SHA-256 over all registers and memory."""
        return digest(self.machine)

    def kernel_dtb(self) -> bytes:
        """The device tree that boot_params hand to the kernel; CommandError before that."""
        return picture.kernel_dtb(self.machine)


def open_session(
    image: str | None = None,
    *,
    platform: str = "tdx",
    cpus: int | None = None,
    memory: int | None = None,
    seed: int = 0,
    kernel: str | None = None,
    initrd: str | None = None,
    cmdline: str = "",
    host_dtb: str | None = None,
    max_ticks: int | None = None,
) -> Session:
    """Load an image (None: the packaged sample) onto a platform and stop at the first
    instruction. `memory` in MiB. Raises ApdbgError with one sentence."""
    require_emulator()
    options = Options(
        image, platform, cpus, memory, seed, kernel, initrd, cmdline, host_dtb, max_ticks
    )
    return Session(Setup.of(options))
