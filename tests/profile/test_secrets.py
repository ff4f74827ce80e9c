"""What depends on a secret is told with its instruction, and what does not is not."""

from typing import Final

import pytest

from emu.errors import CommandError
from emu.profile.secrets import Secrets, carried, others_than, secrets
from emu.timeline.digest import Digest
from emu.timeline.timeline import Timeline
from tests.guest import DATA, Guest, finish

HEAD: Final = """
start:
    mov ebx, {DATA}
    mov esi, {SHARED}
    mov eax, [rbx]
"""
LEAKY: Final = {
    # what it does: (code, by what it is seen, the instruction)
    "a branch": ("""
        test eax, 1
    here: jz even
        inc ecx
    even: hlt
    """, "branch"),
    "a jump through a register": ("""
        and eax, 1
        lea rdx, [rip + there]
        add rdx, rax
    here: jmp rdx
    there: nop
        nop
        hlt
    """, "branch"),
    "an address that is loaded": ("""
        and eax, 0xFF
    here: mov cl, [rsi + rax]
        hlt
    """, "address"),
    "an address that is stored to": ("""
        and eax, 0xFF
    here: mov byte ptr [rsi + 8 * rax], 1
        hlt
    """, "address"),
    "a byte for a device": ("""
        mov dx, 0x3F8
    here: out dx, al
        hlt
    """, "exit"),
}  # fmt: skip
CONSTANT_TIME: Final = """
    xor edx, edx
    cmp eax, 0x1234
    sete dl
    neg edx
    and edx, 7
    not edx
    mov [rsi], eax
    add eax, edx
    imul eax, eax
    mov [rsi + 8], eax
    hlt
"""
"""The secret is computed with and stored, and nothing else depends on it."""


def seen(source: str, platform: str = "none", secret: str = f"{DATA:#x}+4") -> Secrets:
    timeline = Guest(HEAD + source, 1, platform).timeline()
    return secrets(timeline.machine, timeline, secret, 1_000)


@pytest.mark.parametrize("name", LEAKY)
def test_what_depends_on_the_secret_is_told(name: str) -> None:
    source, by = LEAKY[name]
    found = seen(source)
    assert [(one.by, one.cpu) for one in found.leaks] == [(by, 0)]
    assert found.leaks[0].place.startswith("here"), found.leaks
    assert not found.leaks[0].behind
    assert "".join(found.lines()).count("not seen") == len(found.misses)


def test_what_is_constant_time_is_not_told() -> None:
    found = seen(CONSTANT_TIME)
    assert found.leaks == () and found.courses == 2, "of a secret that is 0: all ones, and 1"
    assert found.lines()[1] == "nothing that can be seen depends on it"


def test_what_comes_behind_an_address_is_told_too() -> None:
    """The way is the same, so the course is looked at to its end."""
    found = seen(LEAKY["an address that is loaded"][0].replace("hlt", "out 0x80, al\n hlt"))
    assert [one.by for one in found.leaks] == ["address", "exit"]


def test_a_secret_in_a_register() -> None:
    timeline = Guest("start: test r15, r15\n here: jnz out\n nop\n out: hlt").timeline()
    found = secrets(timeline.machine, timeline, "cpu0:r15", 1_000)
    assert [one.by for one in found.leaks] == ["branch"]


def test_what_another_cpu_does_behind_it_is_said_to_be_behind() -> None:
    source = """
    cpu1: mov esi, {SHARED}
    look: pause
        cmp dword ptr [rsi], 0
        je look
        mov eax, [rsi]
        mov cl, [rsi + rax]
        hlt
    """
    leaky = (
        HEAD
        + "test eax, 1\n jz even\n mov dword ptr [rsi], 5\n even: inc dword ptr [rsi]\n hlt"
    )
    timeline = Guest(leaky + source, 2).timeline()
    found = secrets(timeline.machine, timeline, f"{DATA:#x}+4", 10_000)
    assert [(one.by, one.cpu, one.behind) for one in found.leaks] == [
        ("branch", 0, False), ("address", 1, True),
    ]  # fmt: skip


TDVMCALL: Final = """
    mov r12, [rbx]
    mov r13, r12
    xor eax, eax
    xor r10d, r10d
    mov r11d, 30
    mov ecx, {mask}
here: .byte 0x66, 0x0f, 0x01, 0xcc
    hlt
"""
"""TDG.VP.VMCALL of an I/O instruction's number (GHCI 1.5, 3.9), RCX saying what is shown."""


@pytest.mark.parametrize(("mask", "shown"), [(0xFC00, ("R12", "R13")), (0x0C00, ())])
def test_a_register_that_a_td_shows_its_host(mask: int, shown: tuple[str, ...]) -> None:
    """GHCI 1.5, 3.1: RCX has a bit for each register that the host sees."""
    found = seen(TDVMCALL.replace("{mask}", str(mask)), "tdx")
    told = [one.text.rpartition(" in ")[2] for one in found.leaks if one.by == "register"]
    assert tuple(told) == shown
    assert all(one.place.startswith("here") for one in found.leaks)


SHARED_PAGE: Final = """
    mov r12, {DATA} + 0x1000
    bts r12, 47
    mov r15, r12
    xor eax, eax
    xor r10d, r10d
    mov r11d, 0x10001
    mov r13d, 0x1000
    mov ecx, 0x3C00
    .byte 0x66, 0x0f, 0x01, 0xcc
    or r15, 3
    mov eax, {PT2}
    mov [rax], r15
    mov edi, {WINDOW}
    mov eax, [rbx]
    mov [{SHARED}], eax
here: mov [rdi], eax
    hlt
"""
"""TDG.VP.VMCALL<MapGPA> of a page with bit 47, for shared (GHCI 1.5, 3.2); a leaf for it."""


def test_a_store_that_the_host_can_read() -> None:
    """The page beside it is private, and a store there is nobody's business."""
    found = seen(SHARED_PAGE, "tdx")
    assert [(one.by, one.place.partition(" ")[0].rstrip(",")) for one in found.leaks] == [
        ("memory", "here")
    ]
    assert found.leaks[0].text == (
        f"it stores 0x0, bytes 0 to 3 of the secret, at {DATA + 0x1000:#x}, where the host can "
        "read it"
    )


def test_the_machine_comes_back_to_where_it_was() -> None:
    timeline = Guest(HEAD + LEAKY["a branch"][0]).timeline()
    digest, now = Digest(timeline.machine).now(), timeline.now
    secrets(timeline.machine, timeline, f"{DATA:#x}+4", 1_000)
    assert (Digest(timeline.machine).now(), timeline.now) == (digest, now)
    finish(timeline.driver)
    other: Timeline = Guest(HEAD + LEAKY["a branch"][0]).timeline()
    finish(other.driver)
    assert Digest(timeline.machine).now() == Digest(other.machine).now()


SECRETS: Final = (
    bytes.fromhex("11223344556677889900aa"),
    bytes.fromhex("eeddccbbaa9988776655ff"),
)
CARRIED: Final = (
    # the two values, and what they are
    (0x8877665544332211, 0x778899AABBCCDDEE, "bytes 0 to 7 of the secret,"),
    (0x1122334455667788, 0xEEDDCCBBAA998877, "bytes 0 to 7 of the secret in reverse,"),
    (0x66554433, 0x99AABBCC, "bytes 2 to 5 of the secret,"),
    (0x2233, 0xDDCC, "bytes 1 to 2 of the secret in reverse,"),
    (0xAA, 0xFF, "byte 10 of the secret,"),
    (0x11, 0x11, ""),
    (0x11, 0xDD, ""),
    (0x1122334455667789, 0xEEDDCCBBAA998876, ""),
    (0x8877665544332211, 0x11, ""),
)


@pytest.mark.parametrize(("mine", "yours", "words"), CARRIED)
def test_which_bytes_of_a_secret_a_value_is(mine: int, yours: int, words: str) -> None:
    """It is one only if it is the same bytes in both courses."""
    assert carried(SECRETS, (mine, yours)) == words


def test_other_values() -> None:
    assert others_than(0x12, 1) == (0xED, 0, 0xFF, 0x13)
    assert others_than(0, 1) == (0xFF, 1)


@pytest.mark.parametrize("text", ["0x1+4", "0x408000+0", "cpu9:rax", "nowhere+4"])
def test_what_is_no_place_is_said(text: str) -> None:
    with pytest.raises(CommandError):
        seen("hlt", secret=text)
