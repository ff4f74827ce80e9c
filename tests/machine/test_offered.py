"""What CPUID offers is executed, and what it does not offer is undefined: each feature by an
instruction that the SDM lists under it. What is neither stands in docs/limits.md."""

from typing import Final

import pytest

from tests.guest import SHARED, Guest, finish, word

OFFERED: Final = {
    "SSE3": "haddps xmm0, xmm1", "SSSE3": "pshufb xmm0, xmm1",
    "CMPXCHG16B": "lock cmpxchg16b [rdi]", "SSE4.1": "pblendw xmm0, xmm1, 1",
    "SSE4.2": "crc32 eax, ebx", "MOVBE": "movbe eax, [rdi]", "POPCNT": "popcnt eax, ebx",
    "XSAVE": "xor edx, edx\n mov eax, 3\n xsave [rdi]", "RDRAND": "rdrand eax",
    "FPU": "fld1", "TSC": "rdtsc", "CX8": "lock cmpxchg8b [rdi]", "CMOV": "cmovz eax, ebx",
    "CLFSH": "clflush [rdi]", "MMX": "paddb mm0, mm1", "FXSR": "fxsave [rdi]",
    "SSE": "addps xmm0, xmm1", "SSE2": "addpd xmm0, xmm1", "FSGSBASE": "rdfsbase rax",
    "RDSEED": "rdseed eax",
    "SMAP": "stac\n clac", "CLFLUSHOPT": "clflushopt [rdi]", "LAHF": "lahf",
    "RDTSCP": "rdtscp", "XSAVEOPT": "xor edx, edx\n mov eax, 3\n xsaveopt [rdi]",
    "XGETBV of 1": "mov ecx, 1\n xgetbv",
}  # fmt: skip
NOT_OFFERED: Final = {
    "PCLMULQDQ": "pclmulqdq xmm0, xmm1, 0", "MONITOR": "monitor", "VMX": "vmxoff",
    "AES": "aesenc xmm0, xmm1", "AVX": "vaddps ymm0, ymm1, ymm2",
    "F16C": "vcvtph2ps xmm0, xmm1", "FMA": "vfmadd132ps xmm0, xmm1, xmm2",
    "BMI1": "andn eax, ebx, ecx", "AVX2": "vpaddb ymm0, ymm1, ymm2",
    "BMI2": "pdep eax, ebx, ecx",
    "INVPCID": "invpcid rax, [rdi]", "ADX": "adcx eax, ebx",
    "SHA": "sha1nexte xmm0, xmm1", "CLWB": "clwb [rdi]", "AVX512F": "vaddps zmm0, zmm1, zmm2",
    "RDPID": "rdpid rax", "PKU": "xor ecx, ecx\n rdpkru",
    "GFNI": "gf2p8mulb xmm0, xmm1", "MOVDIRI": "movdiri [rdi], eax",
    "SERIALIZE": "serialize", "XSAVEC": "xsavec [rdi]",
    "XSAVES": "xsaves [rdi]", "SVM": "vmload",
    "3DNow": "pfadd mm0, mm1",
}  # fmt: skip
ALIASES: Final = {"LZCNT": "lzcnt eax, ebx", "BMI1": "tzcnt eax, ebx", "WBNOINVD": "wbnoinvd"}
"""SDM 2B: a processor that has not got these ignores their prefix (BSR, BSF, WBINVD)."""


UNCHECKED: Final = {
    "WAITPKG": "umonitor rax", "CET_SS": "incsspq rax", "SSE4A": "extrq xmm0, 1, 1",
    "XOP": "vpcmov xmm0, xmm1, xmm2, xmm3", "AVX": "vzeroupper", "PREFETCHW": "prefetchw [rdi]",
    "RTM": ".byte 0xc7, 0xf8, 0, 0, 0, 0",
}  # fmt: skip


def vector(code: str) -> int:
    """The exception that a guest sees; 0 for none."""
    source = f"""start: mov rax, cr4
        or rax, 0x10000
        mov cr4, rax
        mov edi, {SHARED + 64}
        mov ebx, 0x10
        {code}
        hlt
        handler6: mov dword ptr [{{SHARED}}], 6
        hlt
        handler13: mov dword ptr [{{SHARED}}], 13
        hlt
    """
    return word(finish(Guest(source).driver()), SHARED, 4)


@pytest.mark.parametrize("feature", OFFERED)
def test_what_is_offered_is_executed(feature: str) -> None:
    assert vector(OFFERED[feature]) == 0


@pytest.mark.parametrize("feature", NOT_OFFERED)
def test_what_is_not_offered_is_undefined(feature: str) -> None:
    assert vector(NOT_OFFERED[feature]) == 6


@pytest.mark.parametrize("code", ALIASES.values())
def test_what_a_processor_without_it_takes_for_another_instruction(code: str) -> None:
    assert vector(f"xor eax, eax\n {code}\n mov [{{SHARED}} + 4], eax") == 0


@pytest.mark.parametrize("feature", UNCHECKED)
def test_the_emulator_executes_some_that_are_not_offered(feature: str) -> None:
    """A limit: hardware finds them undefined, but for PREFETCHW, which is a NOP."""
    assert vector(UNCHECKED[feature]) == 0
