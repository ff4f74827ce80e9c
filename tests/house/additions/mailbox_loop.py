"""A mailbox loop of another firmware, between the same entry and exit."""

from pathlib import Path

from emu import open_session
from tests.house.building import build

NEW = {
    "shim/dialects/plain.inc": """\
/* A loop that acks with a dword, and takes whatever is no Test as a wake-up.
 * Contract: as mailbox_loop.inc.
 */
    .globl  mailbox_wait, mailbox_ack, mailbox_jump
mailbox_wait:
    pause
    mov     MB_COMMAND(%r13), %eax
    test    %eax, %eax
    jz      mailbox_wait
    cmp     MB_APIC_ID(%r13), %r11d
    jne     mailbox_wait
    cmp     $MAILBOX_TEST, %eax
    jne     .Lmailbox_woken
    movl    $0, MB_COMMAND(%r13)
    jmp     mailbox_wait
.Lmailbox_woken:
    mov     MB_VECTOR(%r13), %r14
#include "dialects/woken.inc"
mailbox_ack:
    movl    $0, MB_COMMAND(%r13)
mailbox_jump:
    mov     %ebp, %ecx
""",
}
LINES = {"shim/build.py": (('    "td-shim": "dialects/cpuid.inc",\n', '    "plain": "",\n'),)}


def uses() -> None:
    build("dialects/plain", Path.cwd() / "built")
    session = open_session("built/dialects/plain.elf", platform="tdx", cpus=3)
    assert session.do("run").outcome == "booted"
