"""What a section of a profile may look at: the logs, and what a second run was asked to see."""

from collections.abc import Callable
from functools import cached_property
from typing import Literal

from msgspec import Struct

from emu.machine.machine import Machine
from emu.profile.accesses import SharedAccesses
from emu.profile.alone import AloneStretch
from emu.profile.code_trace import CodeTrace
from emu.profile.course import Courses
from emu.profile.steps import ApSteps, ap_steps

SectionNeeds = Literal["logs", "accesses", "code"]
"""`logs`: costs nothing while the guest runs. `accesses`: every load and store; `code`: where
each instruction was. These two are seen in a second run of the branch."""


class Looked(Struct, eq=False):
    """What the second run saw, and how many times as long as without it took."""

    accesses: SharedAccesses | None = None
    code: CodeTrace | None = None
    factor: float = 0.0
    passed: tuple[AloneStretch, ...] = ()
    """Where it looked at samples alone, if at all."""


class Basis:
    """One machine where it stands."""

    def __init__(
        self,
        machine: Machine,
        looked: Looked | None = None,
        breathe: Callable[[], None] = lambda: None,
    ) -> None:
        """`breathe`: is called now and then, and may raise."""
        self.machine = machine
        self.breathe = breathe
        self.looked = Looked() if looked is None else looked

    @cached_property
    def courses(self) -> Courses:
        """Every CPU's clock taken apart."""
        return Courses(self.machine, self.breathe)

    @cached_property
    def steps(self) -> ApSteps:
        """Every AP's way to online."""
        return ap_steps(self.courses)

    @property
    def accesses(self) -> SharedAccesses:
        """What CPUs did to memory that they share; only for sections that need them."""
        assert self.looked.accesses is not None, "a section that needs accesses says so"
        return self.looked.accesses
