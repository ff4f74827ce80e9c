"""Devices in guest-physical memory: every form of load and store that is decoded, what is told
of the others, and a device that interrupts."""

from functools import lru_cache
from typing import Any, Final

import pytest

from emu import Session
from emu.hw.address import Gpa
from emu.vmm.devices import STANDARD, Device, Devices, Window
from emu.vmm.devices.open_bus import with_open_bus
from emu.vmm.effects import Effects, SendInterrupt, SetDevice
from emu.vmm.state import Caller
from tests.guest import (
    BASE,
    DATA,
    MEMORY_BYTES,
    PT2,
    WINDOW,
    Program,
    assembled,
    read,
)
from tests.guest import boot as boot_guest

AT: Final = Gpa(0xFED0_0000)
SIZE: Final = 0x100
COUNTER, DOORBELL, SCRATCH = 0, 8, 16
"""Registers: reads counted, an interrupt to CPU 1 by its vector, and bytes that are kept."""


def _read(caller: Caller, offset: int, width: int) -> tuple[int, Effects]:
    known = caller.vmm.devices
    if offset == COUNTER:
        seen = known.get(("test", COUNTER), 0) + 1
        return seen, (SetDevice("test", COUNTER, seen),)
    data = [
        known.get(("test", offset + index), 0xE0 + offset + index & 0xFF)
        for index in range(width)
    ]
    return int.from_bytes(bytes(data), "little"), ()


def _write(caller: Caller, offset: int, width: int, value: int) -> Effects:
    if offset == DOORBELL:
        return (SendInterrupt(1, value),)
    data = value.to_bytes(width, "little")
    return tuple(SetDevice("test", offset + place, byte) for place, byte in enumerate(data))


DEVICE: Final = Device("test", _read, _write, windows=(Window(AT, SIZE),))
TABLE: Final = Devices((*STANDARD.all, DEVICE))
MAP: Final = f"""
    mov ebx, {{PT2}}
    mov eax, {AT | 3:#x}
    mov [rbx], rax
    mov ebp, {{WINDOW}}
    mov r8d, {{DATA}}
"""
"""RBP: the window's linear address; R8: a page of results."""
LOADS: Final = (
    ("mov al, [rbp + 16]", 0x1122_3344_5566_77F0),
    ("mov ah, [rbp + 17]", 0x1122_3344_5566_F188),
    ("mov ax, [rbp + 16]", 0x1122_3344_5566_F1F0),
    ("mov eax, [rbp + 16]", 0xF3F2_F1F0),
    ("mov rax, [rbp + 16]", 0xF7F6_F5F4_F3F2_F1F0),
    ("movzx eax, byte ptr [rbp + 18]", 0xF2),
    ("movzx rax, word ptr [rbp + 16]", 0xF1F0),
    ("movsx eax, byte ptr [rbp + 16]", 0xFFFF_FFF0),
    ("movsx rax, word ptr [rbp + 16]", 0xFFFF_FFFF_FFFF_F1F0),
    ("movsxd rax, dword ptr [rbp + 16]", 0xFFFF_FFFF_F3F2_F1F0),
    ("mov eax, dword ptr [rbp]", 1),
)
STORES: Final = (
    ("mov [rbp + 16], al", "88"),
    ("mov [rbp + 16], ah", "77"),
    ("mov [rbp + 17], ax", "f08877"),
    ("mov [rbp + 16], eax", "88776655"),
    ("mov [rbp + 16], rax", "8877665544332211"),
    ("mov byte ptr [rbp + 16], 0xfe", "fe"),
    ("mov dword ptr [rbp + 16], 0x12345678", "78563412"),
    ("mov qword ptr [rbp + 16], -2", "feffffffffffffff"),
    ("movnti [rbp + 16], eax", "88776655"),
    ("lea rdi, [rbp + 16]\nstosb", "88"),
    ("lea rdi, [rbp + 16]\nmov ecx, 3\nrep stosw", "887788778877"),
    ("lea rdi, [rbp + 18]\nmov ecx, 2\nstd\nrep stosw", "88778877"),
)
ODD: Final = ("mov eax, [rbp + 0xfe]",)
LENT: Final = (
    # Text, what the device keeps from byte 16 on, and RAX.
    ("add dword ptr [rbp + 16], 1", "f1f1f2f3", 0x1122_3344_5566_7788),
    ("xchg [rbp + 16], eax", "88776655", 0xF3F2_F1F0),
    ("lock or dword ptr [rbp + 16], 0xf", "fff1f2f3", 0x1122_3344_5566_7788),
    ("push qword ptr [rbp + 16]\npop rax", "", 0xF7F6_F5F4_F3F2_F1F0),
    ("cmp dword ptr [rbp + 16], 0xf3f2f1f0\nsete al", "", 0x1122_3344_5566_7701),
    ("lea rsi, [rbp + 16]\nmov edi, r8d\nmovsd\nmov eax, [r8]", "", 0xF3F2_F1F0),
    ("lea rsi, [rbp + 16]\nmov edi, r8d\nmov ecx, 8\nrep movsb\nmov rax, [r8]", "",
     0xF7F6_F5F4_F3F2_F1F0),
)  # fmt: skip
RING: Final = f"""
cpu0:{MAP}
    mov ecx, 2000
delay:
    dec ecx
    jnz delay
    mov dword ptr [rbp + {DOORBELL}], 65
    hlt
cpu1:
    mov r8d, {{DATA}}
    sti
    hlt
    cli
    hlt
handler65:
    inc qword ptr [r8]
    iretq
"""
_BODY: Final = f"""
start:{MAP}
    movabs rax, 0x1122334455667788
    BODY
    mov [r8], rax
    cld
    hlt
"""


@lru_cache(maxsize=1)
def programs() -> dict[str, Program]:
    """All of them, assembled at once."""
    bodies = [*(row[0] for row in (*LOADS, *STORES, *LENT)), *ODD]
    sources = {text: _BODY.replace("BODY", text) for text in bodies} | {"ring": RING}
    return dict(zip(sources, assembled(*sources.values()), strict=True))


def boot(name: str, cpus: int = 1, **more: Any) -> Session:
    return boot_guest(programs()[name], cpus, devices=TABLE, **more)


@pytest.mark.parametrize(("text", "rax"), LOADS, ids=[text for text, _ in LOADS])
def test_a_load_reaches_the_part_of_the_register_that_it_names(text: str, rax: int) -> None:
    session = boot(text)
    session.do("run")
    assert f"{read(session, DATA):#x}" == f"{rax:#x}"
    assert session.machine.board.cpus[0].activity == "halted"


@pytest.mark.parametrize(("text", "kept"), STORES, ids=[text for text, _ in STORES])
def test_a_store_reaches_the_device(text: str, kept: str) -> None:
    session = boot(text)
    session.do("run")
    found = session.machine.board.vmm.devices
    data = bytes(found.get(("test", 16 + n), 0xF0) for n in range(len(kept) // 2))
    assert data.hex() == kept
    registers = session.machine.board.cpus[0].registers
    if "stos" in text:
        assert registers.get("rcx") == 0 or "rep" not in text
        moved = {"stosb": 17, "rep stosw": 22}.get(text.rpartition("\n")[2], 0)
        assert "std" in text or registers.get("rdi") == WINDOW + moved


@pytest.mark.parametrize("text", ODD)
def test_what_is_not_decoded_is_told_in_a_sentence(text: str) -> None:
    session = boot(text)
    session.do("run")
    crash = session.machine.board.crash
    assert crash.startswith("cpu 0 at start+")
    assert "not all are the device's" in crash


@pytest.mark.parametrize(("text", "kept", "rax"), LENT, ids=[row[0] for row in LENT])
def test_any_other_instruction_reaches_the_device_as_well(
    text: str, kept: str, rax: int
) -> None:
    session = boot(text)
    session.do("run")
    board = session.machine.board
    assert (board.crash, board.cpus[0].activity) == ("", "halted")
    assert f"{read(session, DATA):#x}" == f"{rax:#x}"
    found = board.vmm.devices
    assert bytes(found.get(("test", 16 + n), 0) for n in range(len(kept) // 2)).hex() == kept
    assert any("mmio" in exit_.text for exit_ in board.logs.exits)


def test_what_was_lent_is_gone_and_time_travel_comes_there_again() -> None:
    session = boot(LENT[0][0])
    session.do("run")
    digest = session.digest()
    assert session.machine.board.npt.hpa_of(AT) is None
    session.do("goto 0")
    session.do("run")
    assert session.digest() == digest


def test_where_the_bus_is_open_all_bits_are_one_and_stores_are_lost() -> None:
    body = """
    mov eax, [rbp + 16]
    mov dword ptr [rbp + 16], 5
    add dword ptr [rbp + 16], 7
    mov ecx, [rbp + 16]
    and rax, rcx
    """
    source = _BODY.replace("BODY", body)
    ram = ((BASE, MEMORY_BYTES),)
    session = boot_guest(source, devices=with_open_bus(ram))
    session.do("run")
    assert (session.machine.board.crash, read(session, DATA)) == ("", 0xFFFF_FFFF)


def test_the_open_bus_is_everywhere_but_where_memory_or_a_device_is() -> None:
    devices = with_open_bus(((0x1000, 0x1000), (0x10_0000, 0x1000)))
    names = {
        gpa: found and found[1].name
        for gpa in (0, 0xFFF, 0x1000, 0x1FFF, 0x2000, 0x10_0FFF, 0xFEE0_0020, (1 << 40) - 1)
        for found in (devices.window_at(gpa),)
    }
    assert [*names.values()] == [
        "nothing", "nothing", None, None, "nothing", None, "xapic", "nothing",
    ]  # fmt: skip


def test_where_no_device_is_there_is_no_memory() -> None:
    session = boot_guest(programs()[LOADS[3][0]])
    session.do("run")
    assert "where there is no memory" in session.machine.board.crash


def test_a_doorbell_wakes_another_cpu_and_time_travel_brings_it_back() -> None:
    session = boot("ring", 2)
    session.do("run")
    assert read(session, DATA) == 1
    assert any(
        e.text == "mmio write 0xfed00008 4 = 0x41" for e in session.machine.board.logs.exits
    )
    digest = session.digest()
    session.do("goto 100")
    session.do("run")
    assert session.digest() == digest


def test_a_device_s_registers_go_back_in_time_too() -> None:
    session = boot("mov eax, dword ptr [rbp]")
    session.do("run")
    session.do("goto 0")
    assert not session.machine.board.vmm.devices
    session.do("run")
    assert session.machine.board.vmm.devices == {("test", COUNTER): 1}


def test_a_catch_finds_an_access_to_a_device() -> None:
    session = boot("mov [rbp + 16], eax")
    view = session.do("catch exit mmio write")
    view = session.do("run")
    assert [stop.text for stop in view.stop] == [
        "cpu 0: catch 1 exit: mmio write 0xfed00010 4 = 0x55667788"
    ]
    assert PT2 < WINDOW


def test_a_store_of_what_a_register_reads_as_is_seen_if_it_is_a_plain_one() -> None:
    """The interrupt command register of an xAPIC: a command is a store of whatever value."""
    body = """
    mov rax, 0xfee00003
    mov [rbx], rax
    mov dword ptr [rbp + 0xF0], 0x1FF
    mov r9d, 0x41                       # an interrupt, to CPU 0
    mov [rbp + 0x300], r9d
    {SECOND}
    """
    plain, exchanged = (
        sum("sends interrupt" in event.text for event in session.machine.board.logs.events)
        for second in ("mov [rbp + 0x300], r9d", "xchg [rbp + 0x300], r9d")
        for session in [boot_guest(_BODY.replace("BODY", body.replace("{SECOND}", second)))]
        if session.do("run")
    )
    assert (plain, exchanged) == (2, 1)
