"""A CPU that idles in the sidecar is well: it is a state of its own, by where it waits.

Source: openvmm, `openhcl/sidecar/src/arch/x86_64/vp.rs` (park_until: STI, HLT, look again)."""

import pytest

from emu import Session
from emu.boot.layout import Region
from tests.guest import CODE, Guest, program

OFF = "mov dx, 0x604\n mov ax, 0x2000\n out dx, ax\n"
SOURCE = """
cpu0: cmp dword ptr [{SHARED}], AWAY
    jne cpu0
    IDLES
kernel_done:
    OFF
.balign 4096
cpu1: lock inc dword ptr [{SHARED}]
idle:
    HOW
    jmp idle
cpu2: lock inc dword ptr [{SHARED}]
    jmp SECOND
.balign 4096
elsewhere: cli
    hlt
"""
HLT, LOOPS = "sti\n hlt", "pause\n cmp byte ptr [{SHARED} + 64], 1\n jne idle"


def booted(how: str, sidecar: bool = True, lost: bool = False) -> Session:
    """A machine whose APs idle in the second page, and whose BSP switches it off; `lost`: one
    of them halts elsewhere."""
    source = SOURCE.replace("AWAY", "2").replace("OFF", OFF).replace("HOW", how)
    source = source.replace("SECOND", "elsewhere" if lost else "idle")
    # The BSP waits for a while, so that both have come to rest.
    source = source.replace("IDLES", "mov ecx, 5000\nwhile: dec ecx\n jnz while")
    base = CODE + 0x1000
    regions = (Region("sidecar", base, 0x1000),) if sidecar else ()
    assert base <= program(source).labels["idle"] < base + 0x1000
    session = Guest(source, 3, regions=regions).boot()
    session.do("run")
    return session


@pytest.mark.parametrize("how", [HLT, LOOPS])
def test_it_is_a_state_of_its_own_and_counts_as_well(how: str) -> None:
    session = booted(how)
    states = [cpu.state for cpu in session.view().cpus]
    assert states[1:] == ["sidecar-idle", "sidecar-idle"]
    assert [cpu.fate for cpu in session.view().cpus] == ["well"] * 3
    verdict = session.verdict
    assert verdict is not None and verdict.words == (
        "booted",
        "1 CPU came online, 2 idle in the sidecar, and the guest switched off",
    )


def test_a_cpu_that_stands_elsewhere_is_told_beside_them() -> None:
    verdict = booted(HLT, lost=True).verdict
    assert verdict is not None and verdict.outcome == "degraded"
    assert verdict.reason == "1 of 3 CPUs came online, 1 idles in the sidecar; stuck: 2"


@pytest.mark.parametrize("how", [HLT, LOOPS])
def test_the_same_loop_anywhere_else_is_no_sidecar(how: str) -> None:
    states = {cpu.state for cpu in booted(how, sidecar=False).view().cpus[1:]}
    assert states <= {"halted", "spinning"}


def test_the_bsp_does_not_idle_there() -> None:
    session = Guest("cli\n hlt", 1, regions=(Region("sidecar", CODE, 0x1000),)).boot()
    session.do("run")
    assert [cpu.state for cpu in session.view().cpus] == ["halted"]
