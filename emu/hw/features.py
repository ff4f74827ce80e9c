"""What the emulated processor can do: the feature words of its CPUID, and what they rest on.

A bit is offered if the emulator executes what it stands for, and it executes nothing else: the
same words are put into the emulator itself (`emu.hw.engine_features`). Source of every bit: SDM
2A, CPUID, tables "Feature Information Returned in the ECX Register", "... in the EDX Register"
and "Structured Extended Feature".
"""

from typing import Final, Literal

from msgspec import Struct

FeatureWord = Literal[
    "1.ecx", "1.edx", "7.ebx", "7.ecx", "80000001.ecx", "80000001.edx", "d.0.eax", "d.1.eax"
]
"""A leaf of CPUID, perhaps a sub-leaf, and a register of its answer."""


def bits(*positions: int) -> int:
    """A mask with the given bits set."""
    return sum(1 << position for position in positions)


class Feature(Struct, frozen=True):
    """One bit of CPUID."""

    word: FeatureWord
    bit: int


RDRAND: Final = Feature("1.ecx", 30)
RDSEED: Final = Feature("7.ebx", 18)
X2APIC: Final = Feature("1.ecx", 21)
TSC_DEADLINE: Final = Feature("1.ecx", 24)
MONITOR: Final = Feature("1.ecx", 3)
SVM: Final = Feature("80000001.ecx", 2)

OFFERED: Final[dict[FeatureWord, int]] = {
    "1.ecx": bits(0, 9, 13, 19, 20, 21, 22, 23, 24, 26, 30),
    "1.edx": bits(*(0, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 19, 23, 24, 25, 26)),
    "7.ebx": bits(0, 7, 18, 20, 23),
    "7.ecx": 0,
    "80000001.ecx": bits(0),
    "80000001.edx": bits(11, 20, 26, 27, 29),
    "d.0.eax": bits(0, 1),
    "d.1.eax": bits(0, 2),
}
"""Leaf 1: SSE3 SSSE3 CX16 SSE4.1 SSE4.2 x2APIC MOVBE POPCNT TSC-deadline XSAVE RDRAND; FPU DE
PSE TSC MSR PAE MCE CX8 APIC SEP MTRR PGE MCA CMOV PAT PSE36 CLFSH MMX FXSR SSE SSE2. Leaf 7:
FSGSBASE SMEP RDSEED SMAP CLFLUSHOPT. Extended: LAHF; SYSCALL NX 1G RDTSCP LM. Leaf 0xD: x87
and SSE state, XSAVEOPT, XGETBV of 1. Not: VMX, PCID, LA57 and AVX, which the emulator has not;
ERMS, since a round of REP is an instruction here, so bytes take eight times as long as words;
AES, PCLMULQDQ, BMI, LZCNT and ADX, of which it has its own versions that nobody has proved."""

_ANSWERED: Final = (RDRAND, RDSEED, X2APIC, TSC_DEADLINE)
"""The machine does these itself: the emulator is to find the instruction undefined, or knows
nothing of it."""
_NEEDED: Final = (MONITOR, SVM)
"""Not of OFFERED. MONITOR and MWAIT thus exit, whether a platform offers them or not; guests
run by SVM, and EFER.SVME, without which its instructions are undefined, cannot be set."""


def _words(features: tuple[Feature, ...]) -> dict[str, int]:
    found: dict[str, int] = {}
    for feature in features:
        found[feature.word] = found.get(feature.word, 0) | 1 << feature.bit
    return found


def executed() -> dict[FeatureWord, int]:
    """The same words as the emulator needs them."""
    without, more = _words(_ANSWERED), _words(_NEEDED)
    return {
        word: mask & ~without.get(word, 0) | more.get(word, 0) for word, mask in OFFERED.items()
    }


def offers(feature: Feature) -> bool:
    """Whether CPUID says so."""
    return bool(OFFERED[feature.word] >> feature.bit & 1)
