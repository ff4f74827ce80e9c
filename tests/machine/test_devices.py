"""Devices in guest-physical memory: every form of load and store that is decoded, what is told
of the others, and a device that interrupts."""

from functools import lru_cache
from typing import Any, Final

import pytest

from emu import Session
from emu.hw.address import Gpa
from emu.vmm.devices import STANDARD, Device, Devices, Window
from emu.vmm.effects import Effects, SendInterrupt, SetDevice
from emu.vmm.state import Caller
from tests.guest import DATA, PT2, WINDOW, Program, assembled, read
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
ODD: Final = ("add dword ptr [rbp + 16], 1", "xchg [rbp + 16], eax", "mov eax, [rbp + 0xfe]")
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
    bodies = [*(text for text, _ in (*LOADS, *STORES)), *ODD]
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
    assert "which is not decoded" in crash or "not all are the device's" in crash


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
