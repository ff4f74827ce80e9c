"""How the first CPU begins by the VP_CONTEXT of an IGVM file.

Source: openvmm, `openvmm/openvmm_core/src/worker/vm_loaders/igvm.rs` (X64VbsVpContext: only of
the highest VTL; registers that follow a file that is moved); QEMU, `target/i386/igvm.c` (what
a native context means).
"""

from typing import Final

from emu.boot.entry import PAT_AFTER_RESET, RESET_VECTOR, EntrySegment, EntryState
from emu.errors import ImageError
from emu.igvm import headers as kinds
from emu.igvm.contexts import InitialRegister, values
from emu.igvm.file import Igvm
from emu.igvm.headers import InitialContext, LaunchPlatform
from emu.igvm.relocation import Relocation

_SEGMENTS: Final = ("es", "cs", "ss", "ds", "fs", "gs", "tr")
_NOT_GIVEN: Final = {
    "cs": EntrySegment(0, 0, 0xFFFF_FFFF, 0xA09B), "tr": EntrySegment(0, 0, 0xFFFF, 0x8B),
}  # fmt: skip
_DATA: Final = EntrySegment(0, 0, 0xFFFF_FFFF, 0xC093)
_GENERAL: Final = (
    "rax", "rbx", "rcx", "rdx", "rbp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
)  # fmt: skip
_MTRR_DEF_TYPE: Final = 0x2FF
_MTRR_DEFINED: Final = 0xCFF
_MEMORY_TYPES: Final = (0, 1, 4, 5, 6)


class BeginsWith:
    """The registers of the first CPU, as the file has them: none where it begins as after
    reset."""

    def __init__(self, igvm: Igvm, launch: LaunchPlatform) -> None:
        """Raises ImageError where they are not those of CPU 0."""
        self._path = igvm.path
        self._where = ""
        self._found: dict[str, InitialRegister] = {}
        if launch.kind != kinds.TDX:
            self._read(igvm, launch)

    def _read(self, igvm: Igvm, launch: LaunchPlatform) -> None:
        contexts = [one for one in igvm.on(launch) if isinstance(one, InitialContext)]
        if not contexts:
            raise ImageError(f"{igvm.path}: no VP_CONTEXT says where its first CPU begins")
        context = contexts[0]
        self._where = f"{igvm.path}: {context.NAME} at {context.at:#x}"
        if len(contexts) > 1 or context.vp_index:
            raise ImageError(f"{self._where}: apdbg begins with CPU 0 alone")
        for one in values(igvm, launch, context):
            if one.vtl != launch.highest_vtl and launch.kind == kinds.VBS:
                raise ImageError(
                    f"{self._where}: is of VTL {one.vtl}, and VTL {launch.highest_vtl} begins"
                )
            self._found[one.name] = one

    def value(self, name: str, default: int = 0) -> int:
        """A register that is a number."""
        return self._found[name].value if name in self._found else default

    @property
    def paging(self) -> bool:
        """Whether the CPU begins with it."""
        return bool(self.value("cr0") >> 31)

    def state(self, moved: Relocation) -> EntryState:
        """How the CPU begins; raises ImageError."""
        if not self._found:
            return RESET_VECTOR
        gdt_limit, gdt_base = self._table("gdtr")
        idt_limit, idt_base = self._table("idtr")
        segments = tuple((name, self._segment(name)) for name in _SEGMENTS)
        return EntryState(
            "given",
            rip=moved.register("rip", self.value("rip")), rsi=self.value("rsi"),
            cr0=self.value("cr0"), cr3=moved.register("cr3", self.value("cr3")),
            cr4=self.value("cr4"), efer=self.value("efer"),
            gdt_base=moved.register("gdtr", gdt_base), gdt_limit=gdt_limit,
            code_selector=0, data_selector=0, rdi=self.value("rdi"), rsp=self.value("rsp"),
            idt_base=idt_base, idt_limit=idt_limit,
            registers=tuple((name, self.value(name)) for name in _GENERAL),
            rflags=self.value("rflags", 2), pat=self.value("pat", PAT_AFTER_RESET),
            segments=segments, msrs=tuple(self._mtrrs()),
        )  # fmt: skip

    def _segment(self, name: str) -> EntrySegment:
        if name not in self._found:
            return _NOT_GIVEN.get(name, _DATA)
        base, limit, selector, attributes = self._found[name].segment
        return EntrySegment(selector, base, limit, attributes)

    def _table(self, name: str) -> tuple[int, int]:
        """(limit, base)."""
        return self._found[name].table if name in self._found else (0, 0)

    def _mtrrs(self) -> list[tuple[int, int]]:
        """MTRRCAP tells of no ranges here, so the type of all memory is what there is."""
        found = []
        for name, one in self._found.items():
            if not name.startswith("mtrr_"):
                continue
            value = one.value
            if name != "mtrr_def_type":
                if value:
                    raise ImageError(
                        f"{self._where}: sets {name.upper()} to {value:#x}: this machine has "
                        "no MTRR but the type of all memory"
                    )
            elif value & ~_MTRR_DEFINED or value & 0xFF not in _MEMORY_TYPES:
                raise ImageError(f"{self._where}: MTRR_DEF_TYPE cannot be {value:#x}")
            else:
                found.append((_MTRR_DEF_TYPE, value))
        return found
