"""RDRAND and RDSEED come from the seed: the same on every run and on every way to a moment."""

from typing import Final

import pytest
from msgspec.structs import replace

from emu import Session
from emu.timeline.driver import Driver
from tests.guest import SHARED, Guest, finish, read, word
from tests.ways import run

FILL: Final = -1 & (1 << 64) - 1
FORMS: Final = {
    "rdrand rax": ("rax", 64), "rdrand r13": ("r13", 64), "rdrand ebx": ("rbx", 32),
    "rdrand r9d": ("r9", 32), "rdrand cx": ("rcx", 16), "rdrand r8w": ("r8", 16),
    "rdseed rdi": ("rdi", 64), "rdseed edx": ("rdx", 32), "rdseed si": ("rsi", 16),
    ".byte 0x2e, 0x66, 0x0f, 0xc7, 0xf0": ("rax", 16),
}  # fmt: skip
"""SDM 2B, RDRAND (0F C7 /6) and RDSEED (0F C7 /7): r16, r32, r64."""
THREE: Final = """
start: mov ebx, edi
    shl ebx, 6
    rdrand rax
    mov [rbx + {SHARED}], rax
    rdseed rcx
    mov [rbx + {SHARED} + 8], rcx
    mov ecx, 5
1:  rdrand edx
    loop 1b
    mov [rbx + {SHARED} + 16], rdx
    hlt
handler20: xor eax, eax
    mov ecx, 0x1c00
    xor r10d, r10d
    mov r11d, 12
    mov r12d, 1
    .byte 0x66, 0x0f, 0x01, 0xcc
"""


@pytest.mark.parametrize("form", FORMS)
def test_a_number_fills_its_register_and_sets_carry(form: str) -> None:
    """SDM 2B: CF = 1; OF, SF, ZF, AF and PF are cleared. SDM 1, 3.4.1.1: 32 bits clear the
    upper half, 16 leave what is above them."""
    register, bits = FORMS[form]
    board = finish(
        Guest(f"""start: mov {register}, -1
        push 0xcd4
        popfq
        {form}
        pushfq
        pop qword ptr [{{SHARED}} + 8]
        mov [{{SHARED}}], {register}
        hlt
    """).driver()
    )
    value, flags = word(board, SHARED), word(board, SHARED + 8)
    assert flags == 0x403, "CF, the bit that is always set, and DF as it was"
    low = value & (1 << bits) - 1
    assert low not in (0, (1 << bits) - 1)
    assert value >> bits == (FILL >> bits if bits == 16 else 0)
    assert board.exit_counts == {form.split()[0] if "rd" in form else "rdrand": 1, "hlt": 1}


@pytest.mark.parametrize("code", [
    "lock rdrand", "0xf3, 0x0f, 0xc7, 0xf0", "0xf2, 0x0f, 0xc7, 0xf8", "0x0f, 0xc7, 0x30",
    "0xf3, 0x0f, 0xc7, 0xf8",
])  # fmt: skip
def test_other_forms_are_undefined(code: str) -> None:
    """SDM 2B: #UD with LOCK, REP or REPNE; VMPTRLD, and RDPID, are others."""
    text = "0xf0, 0x0f, 0xc7, 0xf0" if code.startswith("lock") else code
    source = f"start: .byte {text}\n hlt\n handler6: mov dword ptr [{{SHARED}}], 6\n hlt"
    assert word(finish(Guest(source).driver()), SHARED) == 6


def drawn(session: Session, cpus: int = 2) -> list[int]:
    """What every CPU of `THREE` has stored."""
    return [read(session, SHARED + 64 * cpu + 8 * n) for cpu in range(cpus) for n in range(3)]


def booted(seed: int, platform: str = "none", cpus: int = 2, **more: object) -> Session:
    """A session of `THREE` before its first tick."""
    setup = Guest(THREE, cpus, platform, **more).setup()
    return Session(replace(setup, seed=seed))


@pytest.mark.parametrize("platform", ["none", "vbs", "tdx", "sipi"])
def test_one_seed_gives_the_same_numbers_and_another_others(platform: str) -> None:
    found = []
    for seed in (1, 1, 2):
        session = booted(seed, platform)
        run(session)
        found.append((drawn(session), session.digest()))
    assert found[0] == found[1]
    assert len({*found[0][0], *found[2][0]}) == 12, "all of them are different"


def test_going_back_gives_the_same_numbers() -> None:
    session = booted(3)
    run(session)
    there, digest = drawn(session), session.digest()
    for tick in (4, 9, 14):
        session.do(f"goto {tick}")
        run(session)
        assert (drawn(session), session.digest()) == (there, digest)


def test_steps_and_the_speed_of_others_change_nothing() -> None:
    plain, slow = booted(3), booted(3, speeds=(1.0, 0.1))
    run(plain)
    run(slow)
    stepped = booted(3)
    for _ in range(14):
        stepped.do("step 0 1")
    run(stepped)
    assert drawn(plain) == drawn(slow) == drawn(stepped)


def test_a_snapshot_holds_where_the_numbers_stand() -> None:
    driver: Driver = Guest(THREE).driver()
    board = finish(driver)
    saved = board.vmm.save()
    board.vmm.drawn[0] = 99
    board.vmm.load(saved)
    assert board.vmm.drawn == {0: 7}
