"""The panic's sentence is the crash's reason, wherever the guest has said it."""

import pytest

from emu import Session
from emu.boot.layout import Region
from emu.vmm import panic
from tests.guest import BASE, Guest

LOG = BASE + 0x10_0000
SENTENCE = "panicked at openhcl_boot/src/main.rs:402:9: no device tree: NoDeviceTree"
TEXT = "[INFO] boot shim\\n[ERROR] " + SENTENCE.replace("9: ", "9:\\n") + "\\n"


def logs(text: str, then: str) -> str:
    """A guest that logs a text and goes on."""
    size = len(text.encode().decode("unicode_escape"))
    return f"""
    mov ebx, {LOG:#x}
    mov word ptr [rbx], 8186
    mov dword ptr [rbx + 2], 0
    lea rsi, [rip + text]
    lea rdi, [rbx + 6]
    mov ecx, {size}
    rep movsb
    mov word ptr [rbx + 2], {size}
    {then}
    text: .ascii "{text}"
    """


REPORTS = """
    mov ecx, 0x40000100
    xor eax, eax
    xor edx, edx
    wrmsr
    mov ecx, 0x40000105
    mov edx, 0xb4000000
    wrmsr
    ud2
"""
"""openhcl_boot's `fault` is `ud2`, and there is no IDT (its main.rs, minimal_rt)."""


def ended(platform: str, source: str, text: str = TEXT) -> Session:
    """A guest that has logged a text and then does what the source says."""
    session = Guest(
        logs(text, source), 1, platform, regions=(Region("log", LOG, 0x2000),)
    ).boot()
    session.do("run")
    return session


@pytest.mark.parametrize("platform", ["none", "vbs", "tdx"])
def test_a_panic_in_the_memory_log_is_the_reason(platform: str) -> None:
    session = ended(platform, REPORTS)
    verdict = session.verdict
    assert verdict is not None and verdict.outcome == "crashed"
    first, _, then = verdict.reason.partition("; ")
    assert first == f"the guest said: {SENTENCE}"
    assert ("shut down" in then) is (platform == "tdx"), "the host of a TD is told nothing"
    assert ("no message" in then) is (platform != "tdx")


def test_a_guest_that_only_ends_has_no_such_sentence() -> None:
    verdict = ended("tdx", REPORTS, "[INFO] about to jump to the kernel\\n").verdict
    assert verdict is not None and verdict.outcome == "crashed"
    assert "the guest said" not in verdict.reason


def test_a_program_that_panicked_is_not_the_machine_that_ended() -> None:
    session = Guest(
        logs(TEXT, "stays: inc rax\n jmp stays"), 1,
        regions=(Region("log", LOG, 0x2000),), max_ticks=20_000,
    ).boot()  # fmt: skip
    session.do("run")
    assert session.verdict is not None and session.verdict.outcome == "limit"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"panicked at src/a.rs:1:2:\nwhat\nmore", "panicked at src/a.rs:1:2: what"),
        (
            b"x\r\n[ERROR] panicked at src/a.rs:1:2:\r\nwhat\r\n",
            "panicked at src/a.rs:1:2: what",
        ),
        (b"panicked at 'what', src/a.rs:1:2\nmore", "panicked at 'what', src/a.rs:1:2"),
        (b"thread 'main' panicked at src/a.rs:1:2:\nwhat", ""),
        (b"nothing", ""),
    ],
)
def test_what_rust_says_of_a_panic(text: bytes, told: str) -> None:
    assert panic.of_rust(text) == told
