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
    assert found.leaks == () and found.courses == 3, "of a secret that is 0: two, and 1"
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
    assert others_than(0x12, 1) == (0x13, 0xED, 0, 0xFF)
    assert others_than(0, 1) == (1, 0xFF)
    places = others_than(0, 256)[0].to_bytes(256, "little")
    assert len(set(places)) == 256, "each byte tells where it is"


@pytest.mark.parametrize("text", ["0x1+4", "0x408000+0", "cpu9:rax", "nowhere+4"])
def test_what_is_no_place_is_said(text: str) -> None:
    with pytest.raises(CommandError):
        seen("hlt", secret=text)


CROSSING: Final = f"{DATA + 0xFFE:#x}+4"


@pytest.mark.parametrize("bit", [0, 31])
def test_a_secret_over_a_page_border(bit: int) -> None:
    source = (
        f"start: mov ebx, {{DATA}}\n bt dword ptr [rbx + 0xFFE], {bit}\n here: jc on\n on: hlt"
    )
    timeline = Guest(source.replace("jc on", "jc on\n nop")).timeline()
    found = secrets(timeline.machine, timeline, CROSSING, 1_000)
    assert [(one.by, one.place.partition("+")[0]) for one in found.leaks] == [
        ("branch", "here")
    ]
    assert found.bytes == 4


def test_no_leak_is_left_out_in_silence() -> None:
    one = "mov ecx, eax\n and ecx, {bit}\n mov cl, [rsi + rcx]\n"
    found = seen("".join(one.replace("{bit}", str(1 << at % 8)) for at in range(70)) + "hlt")
    assert (len(found.leaks), found.more) == (64, 6)
    assert "and 6 more instructions by which it can be seen" in found.lines()


VECTOR: Final = TDVMCALL.replace("mov r12, [rbx]", "movdqu xmm0, [rbx]\n xor r12d, r12d")


@pytest.mark.parametrize(("mask", "shown"), [
    (0x1FC00, ("the low half of XMM0", "the high half of XMM0")), (0x2FC00, ()), (0xFC00, ()),
])  # fmt: skip
def test_a_vector_register_that_a_td_shows_its_host(mask: int, shown: tuple[str, ...]) -> None:
    """Bits 31 to 16 of RCX (intel/tdx-module, tdg_vp_vmcall.c: xmm_select)."""
    found = seen(VECTOR.replace("{mask}", str(mask)), "tdx", f"{DATA:#x}+16")
    told = [one.text.rpartition(" in ")[2] for one in found.leaks if one.by == "register"]
    assert tuple(told) == shown
    assert all("bytes" in one.text and "of the secret" in one.text for one in found.leaks)


def test_a_mask_that_depends_on_the_secret_is_shown_itself() -> None:
    """RCX goes to the host in any case (tdg_vp_vmcall.c)."""
    source = TDVMCALL.replace("mov r12, [rbx]", "xor r12d, r12d").replace(
        "mov ecx, {mask}", "mov ecx, [rbx]\n and ecx, 0x8000\n or ecx, 0x7C00"
    )
    found = seen(source, "tdx")
    assert "RCX" in [one.text.rpartition(" in ")[2] for one in found.leaks]


OTHER_ORDER: Final = """
    test eax, 1
here: jz soon
    mov ecx, 50000
late: dec ecx
    jnz late
soon: mov edx, 1
    lock xadd [rsi], edx
    hlt
cpu1: mov esi, {SHARED}
    mov ecx, 5000
mine: dec ecx
    jnz mine
    mov edx, 1
    lock xadd [rsi], edx
    hlt
"""


def test_who_comes_first_to_a_page_goes_no_other_way() -> None:
    """The first store to a page is made twice by the emulator: whoever makes it does nothing
    else by that, and is not told of."""
    timeline = Guest(HEAD + OTHER_ORDER, 2).timeline()
    found = secrets(timeline.machine, timeline, f"{DATA:#x}+4", 200_000)
    assert [(one.by, one.cpu) for one in found.leaks] == [("branch", 0)]


WAYS: Final = {
    "in two halves": ("movdqu xmm0, [rbx]", "movdqu [rdi], xmm0", "bytes 0 to 7"),
    "the upper half": ("movdqu xmm0, [rbx]", "movhps [rdi], xmm0", "bytes 8 to 15"),
    "past the caches": ("mov rax, [rbx]", "movnti [rdi], rax", "bytes 0 to 7"),
    "a string": ("mov rsi, rbx\n mov ecx, 16", "rep movsb", "byte 0"),
    "a push": ("mov rax, [rbx + 3]\n lea rsp, [rdi + 64]", "push rax", "bytes 3 to 10"),
    "a pop": ("mov rax, [rbx + 8]\n push rax", "pop qword ptr [rdi]", "bytes 8 to 15"),
    "x87": ("fild qword ptr [rbx]", "fistp qword ptr [rdi]", "bytes 0 to 7"),
    "an exchange": ("mov eax, [rbx]", "xchg [rdi], eax", "bytes 0 to 3"),
    "another bit": ("mov eax, [rbx]", "lock or [rdi], eax", "bytes 0 to 3"),
    "in reverse": ("mov eax, [rbx + 4]\n bswap eax", "mov [rdi], eax", "bytes 4 to 7"),
    "over a line": ("mov rax, [rbx]", "mov [rdi + 60], rax", "bytes 0 to 7"),
    "xor'ed": ("mov eax, [rbx]\n xor eax, 0x5A5A5A5A", "mov [rdi], eax", ""),
    "chosen by it": ("test byte ptr [rbx], 1\n mov eax, 1\n cmovz eax, edi",
                     "mov [rdi], eax", ""),
    "a flag": ("bt dword ptr [rbx], 3", "setc [rdi]", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_each_way_in_which_bytes_come_to_a_page_of_the_host(name: str) -> None:
    get, store, which = WAYS[name]
    head = SHARED_PAGE[: SHARED_PAGE.index("    mov eax, [rbx]\n    mov [{SHARED}]")]
    found = seen(f"{head}\n {get}\nhere: {store}\n hlt", "tdx", f"{DATA:#x}+16")
    (leak,) = found.leaks
    assert leak.by == "memory" and leak.place.startswith("here")
    assert (f", {which} of the secret" if which else "depends on the secret") in leak.text


def test_a_store_from_a_private_page_into_a_shared_one_is_not_seen() -> None:
    """The emulator tells where a store begins. (limits.md)"""
    head = SHARED_PAGE[: SHARED_PAGE.index("    mov eax, [rbx]\n    mov [{SHARED}]")]
    assert seen(f"{head}\n mov rax, [rbx]\n mov [rdi - 4], rax\n hlt", "tdx").leaks == ()


@pytest.mark.parametrize("register", ["xmm0", "eax", "st0"])
def test_a_register_that_cannot_hold_a_secret_is_said(register: str) -> None:
    """(limits.md)"""
    with pytest.raises(CommandError, match=register):
        seen("hlt", secret=f"cpu0:{register}")


def test_an_access_that_faults_for_another_secret_is_said_in_its_words() -> None:
    found = seen("and eax, 1\n shl eax, 30\nhere: mov dl, [rsi + rax]\n hlt")
    (leak,) = found.leaks
    assert leak.place.startswith("here") and leak.code.startswith("mov dl")
    assert leak.text.startswith("it loads from 0x420000; with another secret it ")
    assert "0x40420000" in leak.text


@pytest.mark.parametrize("what", ["prefetcht0", "clflush", "invlpg"])
def test_where_what_loads_nothing_points_to_is_not_seen_and_that_is_said(what: str) -> None:
    found = seen(f"and eax, 64\n {what} [rsi + rax]\n hlt")
    assert found.leaks == ()
    assert "not seen: where PREFETCH, CLFLUSH and INVLPG point to" in "".join(found.lines())


RETURNS: Final = {
    "a return": "push rcx\n here: ret", "a call": "here: call rcx",
    "a loop's count": "mov ecx, eax\n inc ecx\n here: loop here",
    "a comparison of strings": "mov rsi, rbx\n mov edi, {SHARED}\n mov ecx, 4\n"
                               "here: repe cmpsb",
    "a string's length": "mov ecx, eax\n mov edi, {SHARED}\n here: rep stosb",
}  # fmt: skip


@pytest.mark.parametrize("name", RETURNS)
def test_other_ways_to_branch(name: str) -> None:
    head = "and eax, 1\n lea rcx, [rip + there]\n add rcx, rax\n"
    found = seen(f"{head} {RETURNS[name]}\n there: nop\n nop\n hlt")
    assert [(one.by, one.place.partition("+")[0]) for one in found.leaks] == [
        ("branch", "here")
    ]
