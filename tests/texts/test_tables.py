"""The explanations against the program's own tables: a word on the screen has a text, and a
text has its word; what the specifications number is found by its number as well."""

import re
from collections.abc import Iterable
from typing import Final, get_args

import pytest

from emu.debug import catch
from emu.debug.language import BY_WORD
from emu.hw import interrupt, memory_types
from emu.hw.context import SEGMENTS
from emu.hw.nested_walk import LARGE, NestedVerdict, bits_in_words
from emu.hw.page_walk import WalkVerdict
from emu.hw.paging_modes import PagingMode
from emu.inject.kinds import KINDS as INJECTIONS
from emu.judge.verdict import Fate, Outcome
from emu.machine.ask import CONTROL_WRITES
from emu.machine.event import EventKind
from emu.mailbox.layout import COMMANDS, FIELDS
from emu.mailbox.rules import RULES
from emu.picture import registers
from emu.texts.explanations import explanations, found
from emu.texts.language import LANGUAGES
from emu.vmm import asked as ask
from emu.vmm.asked_words import families, name_of
from emu.vmm.devices import port_words
from emu.vmm.hypercalls.call import Status
from emu.vmm.hypercalls.dispatch import HYPERCALLS
from emu.vmm.msr import MSRS, NATIVE, msr_word
from emu.vmm.tdx.abi import Code
from emu.vmm.tdx.dispatch import LEAVES
from emu.vmm.tdx.host import STATUSES
from emu.vmm.tdx.metadata import NAMES as METADATA
from emu.vmm.tdx.vmcall import SUBFUNCTIONS
from emu.vmm.ve import Reason
from emu.words.place import REGISTERS

ALL_ONES: Final = 2**64 - 1
EFER: Final = 0xC000_0080
PATS: Final = (0x0007_0406_0007_0406, 0x0605_0401_0605_0401)
"""IA32_PAT at reset (SDM 3, table 12-12), and one that has the other types."""
DEVICES: Final = (
    0x3F8, 0x3E8, 0x80, 0x604, 0x608, 0xCF8, 0x64, 0x20, 0xA0, 0x40, 0x61, 0xCD8, 0xB008,
)  # fmt: skip
"""First ports of those that every machine has."""

PAGE_FAULT: Final = ("P", "W/R", "U/S", "RSVD", "I/D")
"""Bits 0 to 4 of a page fault's error code (SDM 3, figure 4-12): those a walk here can give."""
MEMORY_TYPE_BITS: Final = {"PWT", "PCD", "PAT", "G"}
"""Bits of a page table entry that no row names, but rules and texts do (SDM 3, table 4-20)."""

EXITS: Final[tuple[ask.Asked, ...]] = (
    ask.Cpuid(2, 0, 0), ask.Rdmsr(2, 0x10), ask.Wrmsr(2, 0x10, 0),
    *(ask.ControlWrite(3, one, 0, True, False) for one in (*CONTROL_WRITES.values(), "efer")),
    *(ask.RandomNumber(3, one, 64, "rax") for one in ("rdrand", "rdseed")),
    *(ask.SevInstruction(4, one, 0, 0, 0) for one in ("pvalidate", "rmpadjust", "vmgexit")),
    ask.Vmcall(3, 0, "vmcall"), ask.Tdcall(4, 0, 8, 0), ask.Tdcall(4, 1, 0, 0),
    ask.PortIn(1, 0x60, 1), ask.PortOut(1, 0x60, 1, 0), ask.Rdtsc(2), ask.PauseHint(2),
    ask.Hlt(1), ask.ReadTaskPriority(3, "rax"), ask.WriteTaskPriority(3, 0),
    *(ask.CacheFlush(2, one) for one in ("wbinvd", "invd")), ask.SoftInterrupt(2, 3),
    ask.NestedFault(0, 4, 0), ask.MmioRead(2, 0, 4, "eax", False), ask.MmioWrite(2, 0, 4, 0),
    ask.OddAccess(0, "reading", 0, ""), ask.NotOffered(0, "svm 0x72"),
    ask.Monitor(3, 0, 0), ask.Mwait(3, 0, 0), ask.Rdpmc(2, 0),
    ask.ShutDown(0), ask.Syscall(2, True), ask.EngineFailed(0, ""), ask.Undefined(0, ""),
    ask.CpuFault(0, 13, 0, 0),
)  # fmt: skip
"""One of each kind of exit."""


def exits() -> set[str]:
    """What exits are called: for counting, and as `catch` and the log take them. Exceptions
    have explanations of their own, and an exit without a name has a number."""
    words = {name_of(one) for one in EXITS} | set(catch.EXITS)
    words |= {family for one in EXITS for family in families(one)}
    words |= {word for one in words if " " in one for word in [one.split()[0]]}
    return {one for one in words if not one.startswith(("#", "svm "))}


def entry_bits() -> set[str]:
    """What an entry of a page table shows."""
    shown = {bits_in_words(name, ALL_ONES) for name in ("L4", "L3", "L2", "L1")}
    shown |= {bits_in_words("L2", ALL_ONES & ~LARGE), bits_in_words("L1", 0)}
    return {word for words in shown for word in words.split()}


def bits_of(register: str) -> set[str]:
    """The named bits of a register."""
    return {name for _, name in registers.names_of_bits(register)}


TABLES: Final[dict[str, Iterable[str]]] = {
    **{register: bits_of(register) for register in ("cr0", "cr4", "efer", "rflags")},
    "register": REGISTERS | {*SEGMENTS},
    "page_table_bit": entry_bits() | MEMORY_TYPE_BITS,
    "npt_bit": entry_bits(),
    "walk_verdict": {*get_args(WalkVerdict), *get_args(NestedVerdict)},
    "fault_bit": PAGE_FAULT,
    "mailbox_field": [one.name for one in FIELDS],
    "mailbox_command": COMMANDS.values(),
    "hypercall": [one.name for one in HYPERCALLS],
    "tdcall_leaf": [f"TDG.{one.name}" for one in LEAVES],
    "vmcall_leaf": [one.name for one in SUBFUNCTIONS],
    "hv_status": [one.name for one in Status],
    "td_status": [one.name for one in Code],
    "vmcall_status": STATUSES.values(),
    "td_field": METADATA.values(),
    "ve_reason": [one.name for one in Reason],
    "memory_type": {one for pat in PATS for one in memory_types.names(pat)},
    "paging_mode": get_args(PagingMode),
    "device": {port_words(port).split()[0] for port in DEVICES},
    "exception": interrupt.NAMES,
    "exit": exits(),
    "msr": {one.name for one in MSRS} | {msr_word(one) for one in (*NATIVE, EFER)},
    "rule": [one.name for one in RULES],
    "injection": [one.name for one in INJECTIONS],
    "outcome": get_args(Outcome),
    "fate": get_args(Fate),
    "event": get_args(EventKind),
}
"""Kind of word -> every such word that the program has."""


@pytest.mark.parametrize("kind", TABLES)
def test_each_word_of_the_program_has_a_text_and_no_text_is_of_another(kind: str) -> None:
    assert set(explanations(kind, "en")) == set(TABLES[kind])


NUMBERED: Final[dict[str, dict[str, list[int]]]] = {
    "device": {port_words(port).split()[0]: [port] for port in DEVICES},
    "hypercall": {one.name: [one.code] for one in HYPERCALLS},
    "tdcall_leaf": {f"TDG.{one.name}": [one.number] for one in LEAVES},
    "vmcall_leaf": {one.name: [one.number] for one in SUBFUNCTIONS},
    "hv_status": {one.name: [one.value] for one in Status},
    "td_status": {one.name: [one.value] for one in Code if one},
    "vmcall_status": {name: [value] for value, name in STATUSES.items() if value},
    "td_field": {name: [field] for field, name in METADATA.items()},
    "msr": {one.name: [*range(one.number, one.number + one.count)] for one in MSRS}
    | {msr_word(one): [one] for one in (*NATIVE, EFER)},
}
"""Kind -> name -> its numbers, as the screen shows them beside it."""


@pytest.mark.parametrize("kind", NUMBERED)
def test_what_has_a_number_is_found_by_it(kind: str) -> None:
    for name, numbers in NUMBERED[kind].items():
        for number in numbers:
            told = {(one.kind, one.word) for one in found(f"{number:#x}", "en")}
            assert (kind, name) in told, (name, hex(number))


SPOKEN: Final = {
    "CR0.PG": "cr0", "cr4.pae": "cr4", "EFER.SVME": "efer", "RFLAGS.IF": "rflags",
    "HvCallStartVirtualProcessor": "hypercall", "VP.INFO": "tdcall_leaf",
    "TDG.VP.VMCALL<MapGPA>": "vmcall_leaf", "HV_STATUS_INVALID_VP_STATE": "hv_status",
    "TDX_PAGE_SIZE_MISMATCH": "td_status", "page fault": "exception", "IA32_EFER": "msr",
    "HV_X64_MSR_GUEST_OS_ID": "msr", "X2APIC_IRR7": "msr", "ResetVector": "rule",
    "WakeupVector": "mailbox_field", "BIOS_SIGN_ID": "msr",
}  # fmt: skip
"""How people and specifications write some of them."""


@pytest.mark.parametrize("word", SPOKEN)
def test_other_spellings_are_found(word: str) -> None:
    assert SPOKEN[word] in {one.kind for one in found(word, "en")}


def test_a_rule_has_the_source_that_its_code_names() -> None:
    told = explanations("rule", "en")
    assert {one.name: one.source for one in RULES} == {w: one.source for w, one in told.items()}


def test_a_command_that_a_text_names_exists() -> None:
    """And what it is given: the kind of an injection or of a catch."""
    injections = {one.name for one in INJECTIONS}
    catches = {*catch.EXITS, *catch.EVENTS, *catch.REGISTERS}
    for kind in TABLES:
        for tongue in LANGUAGES:
            for one in explanations(kind, tongue).values():
                for quoted in re.findall("`([^`]+)`", one.text):
                    word, *rest = quoted.split()
                    assert word in {*BY_WORD, "apdbg", "svm"}, (one.word, quoted)
                    assert word != "inject" or rest[0] in injections, (one.word, quoted)
                    assert word != "catch" or rest[0] in catches, (one.word, quoted)


def test_a_quoted_call_of_both_languages_is_the_same() -> None:
    """Commands are English in both: what one text names, the other does not name otherwise."""
    for kind in TABLES:
        for word, one in explanations(kind, "en").items():
            chinese = explanations(kind, "zh")[word].text
            for quoted in re.findall("`(inject [^`]+|catch [^`]+)`", one.text):
                assert f"`{quoted}`" in chinese, (word, quoted)
