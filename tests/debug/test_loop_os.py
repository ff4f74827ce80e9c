"""The OS that is built in does with waiting CPUs what a plan says, as Linux would.

Loops of power-on are written after td-shim, td-shim/ResetVector/Main.asm (ParkAp): a Wakeup is
not acknowledged, and whether an AP is there is answered by 0xffffffff in the id.
"""

import json
from pathlib import Path
from typing import Final

import pytest

from emu.errors import ApdbgError
from emu.mailbox.ap import TEST, WAKEUP
from emu.mailbox.observation import Stored
from emu.mailbox.rules import RULES
from tests.debug.test_ap_loop import EDK2, GOOD, TD_SHIM, bare, outcome, ran, rules
from tests.guest import CODE, program
from tests.mailbox.orders_table import verdicts
from tui.__main__ import main

LATE_AT: Final = 0x8900000
EARLY: Final = """
start: cmp dword ptr [rsp + 4], 0xfffffffe
    je 1f
    cmp [rsp + 4], r9d
    jne start
1:  mov eax, [rsp]
    cmp eax, 0
    je start
    cmp eax, 1
    je woken
    cmp eax, 4
    je there
    jmp start
there: mov dword ptr [rsp + 4], 0xffffffff
    jmp start
woken: mov eax, [rsp + 8]
    mov rbx, [rsp + 0x800]
    jmp rax
"""
EARLY_REGISTERS: Final = 'registers = { rsp = "mailbox", r8 = "apic-id", r9 = "apic-id" }\n'
_HEAD: Final = {
    "command, id": "mov eax, [rbx]\n test ax, ax\n je loop\n cmp [rbx + 4], r8d\n jne loop",
    "id, command": "cmp [rbx + 4], r8d\n jne loop\n mov eax, [rbx]\n test ax, ax\n je loop",
    "command, id, command again":
        "cmp dword ptr [rbx], 0\n je loop\n cmp [rbx + 4], r8d\n jne loop\n mov eax, [rbx]",
    "one 8-byte load":
        "mov rax, [rbx]\n mov rcx, rax\n shr rcx, 32\n cmp r8d, ecx\n jne loop\n test ax, ax\n"
        " je loop",
}  # fmt: skip
_CLEAR: Final = {16: "mov word ptr [rbx], 0", 64: "mov qword ptr [rbx], 0"}


def platform(folder: Path, isolation: str, loop: str = "") -> str:
    """A machine of so much as a loop needs."""
    start = "reset-vector" if isolation == "tdx" else "hypercall"
    place = folder / "own.toml"
    place.write_text(
        f'isolation = "{isolation}"\nstart = "{start}"\nhyperv = false\n[loop]\n{loop}'
    )
    return str(place)


def commands(session: object) -> list[tuple[int, int]]:
    """(Command, APIC id) of each that the OS sent."""
    observed = session.machine.board.logs.observed  # type: ignore[attr-defined]
    stores = [one for one in observed if isinstance(one, Stored) and one.cpu == 0]
    return [
        (one.after.command, one.after.apic_id)
        for one in stores
        if one.after.command and one.after.command != one.before.command
    ]


@pytest.mark.parametrize("find", ["tree", "madt"])
def test_the_mailbox_is_found_where_the_file_says(tmp_path: Path, find: str) -> None:
    own = platform(tmp_path, "none", f'find = "{find}"\n')
    session = ran(GOOD, own, loop_plan="usual", loop_reset="loop_reset", cpus=2)
    assert (outcome(session), rules(session)) == ("booted", set())
    assert commands(session) == [(WAKEUP, 1), (TEST, 1), (WAKEUP, 1)]


def test_the_order_of_the_steps_is_that_of_the_plan() -> None:
    session = ran(GOOD, "mailbox-only", loop_plan="wake 3, wake 1, wake 2")
    assert commands(session) == [(WAKEUP, 3), (WAKEUP, 1), (WAKEUP, 2)]
    assert outcome(session) == "booted"


@pytest.mark.parametrize(("order", "bits"), list(verdicts()))
def test_each_row_of_the_table_is_told_of_a_loop_that_runs(
    tmp_path: Path, order: str, bits: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """docs/mailbox_orders.md, which tests/mailbox/orders.py proves."""
    source = f"""
    loop: pause
        {_HEAD[order]}
        cmp ax, 1
        je woken
        cmp ax, 2
        jne loop
        {_CLEAR[bits]}
        jmp loop
    woken: mov rdx, [rbx + 8]
        {_CLEAR[bits]}
        jmp rdx
    """
    loop, _ = bare(tmp_path, source)
    assert main(["run", "--platform", "mailbox-only", "--load", f"0x8800000={loop}"]) == 0
    told = capsys.readouterr().out
    assert f'order "{order}", ack of {bits} bits: {verdicts()[order, bits]} ' in told


def test_who_waits_for_ever_hangs_where_nobody_answers(tmp_path: Path) -> None:
    """Linux, arch/x86/kernel/acpi/madt_wakeup.c, acpi_wakeup_cpu: nothing but the ack ends
    its wait."""
    deaf, _ = bare(tmp_path, "start: pause\n mov eax, [rbx + 16]\n jmp start")
    ever = ran(deaf, "mailbox-only", loop_plan="patience ever, wake 1", cpus=2)
    assert outcome(ever) == "hung" and "bounded-wait" in rules(ever)
    patient = ran(deaf, "mailbox-only", loop_plan="patience 50, wake 1", cpus=2)
    assert outcome(patient) == "degraded" and "bounded-wait" not in rules(patient)
    assert b"wake 1: no ack" in patient.machine.board.vmm.serial


def test_sleep_is_told_from_an_answer(tmp_path: Path) -> None:
    """EDK2's loop never comes back from Sleep, and answers nothing after it."""
    loop, _ = bare(tmp_path, EDK2)
    session = ran(loop, "tdx", loop_plan="test 1, sleep 1, patience 20, test 1", cpus=2)
    said = session.machine.board.vmm.serial
    assert b"test 1: ack\nsend 1: no ack\ntest 1: no ack\n" in said.replace(b"\r", b"")


def test_one_broadcast_reaches_only_who_sees_it_before_the_first_ack(tmp_path: Path) -> None:
    """EDK2's loop clears the command for all of them, so those behind the first miss it."""
    loop, _ = bare(tmp_path, EDK2)
    session = ran(loop, "tdx", loop_plan="wake broadcast")
    assert commands(session) == [(WAKEUP, 0xFFFFFFFE)]
    assert outcome(session) == "degraded"
    assert b"wake broadcast: ack, but not online" in session.machine.board.vmm.serial


def test_cpus_are_moved_to_another_loop_as_firmwares_do(tmp_path: Path) -> None:
    early, _ = bare(tmp_path, EARLY)
    late = tmp_path / "late.bin"
    late.write_bytes(program(TD_SHIM.replace("MASK", "0xfc00")).code)
    session = ran(
        early, platform(tmp_path, "tdx", EARLY_REGISTERS), load=(f"{LATE_AT:#x}={late}",),
        loop_plan=f"move {LATE_AT:#x}, wake all",
    )  # fmt: skip
    assert outcome(session) == "booted"
    assert "td-shim" in session.desk.judge.loop() and "early" not in session.desk.judge.loop()
    assert rules(session) <= {"wait-pauses"}


def test_a_loop_of_power_on_is_known_by_its_answer_in_the_id(tmp_path: Path) -> None:
    early, _ = bare(tmp_path, EARLY)
    own = platform(tmp_path, "none", EARLY_REGISTERS)
    session = ran(early, own, loop_plan="send 4 1, wake 1", cpus=2)
    assert b"send 1: ack by the id" in session.machine.board.vmm.serial
    assert "td-shim-early" in session.desk.judge.loop()
    assert not rules(session)


def test_a_missing_ack_is_no_loop_of_power_on(tmp_path: Path) -> None:
    """td-shim #321: the loop that the OS finds left without an ack."""
    loop, _ = bare(tmp_path, TD_SHIM.replace("mov qword ptr [rbx], 0", "nop"))
    session = ran(loop, "tdx", loop_plan="wake 1", cpus=2)
    assert "command-answered" in rules(session)


def test_a_mailbox_may_be_the_head_of_the_loop_s_own_page(tmp_path: Path) -> None:
    """openvmm, vm/loader/igvmfilegen/src/vp_context_builder/tdx.rs: one page has both."""
    head = "head: .quad 0, 0\n entry: lea rbx, [rip + head]\n"
    waits = "loop: pause\n cmp [rbx + 4], r8d\n jne loop\n cmp word ptr [rbx], 1\n jne loop\n"
    leaves = "mov rdx, [rbx + 8]\n mov word ptr [rbx], 0\n jmp rdx\n .org 4096"
    found = program(head + waits + leaves)
    place = tmp_path / "page.bin"
    place.write_bytes(found.code)
    entry = f"{found.labels['entry'] - CODE:#x}"
    more = {"at": 0x8800000, "mailbox": 0x8800000, "loop_entry": entry}
    session = ran(str(place), "mailbox-only", **more)
    assert (outcome(session), rules(session)) == ("booted", {"halves"} & rules(session))


def test_every_rule_has_a_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "--json", "--platform", "mailbox-only", "--ap-loop", GOOD]
    assert main(words) == 0
    found = {one["rule"]: one["state"] for one in json.loads(capsys.readouterr().out)["rules"]}
    assert set(found) == {rule.name for rule in RULES}
    assert found["leaves-on-wakeup"] == "held" and found["call-mask"] == "not seen"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"loop_plan": "wake 1"}, "--loop-plan: there is no loop"),
        ({"platform": "mailbox-only"}, "mailbox-only: has a plan for CPUs that wait"),
        ({"load": ("0x8800000",)}, "--load '0x8800000': is written ADDR=FILE"),
        ({"load": ("0x1FFFFFFFF=x",)}, "is written ADDR=FILE, below 4 GiB"),
        ({"ap_loop": GOOD, "load": ("0x8000000=/nowhere",)}, "/nowhere"),
        ({"ap_loop": GOOD, "at": 0x8000000, "load": (f"0x8000000={GOOD}",)},
         "--load 0x8000000: lies in the loop's own pages"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence(given: dict[str, object], sentence: str) -> None:
    from emu import open_session

    with pytest.raises(ApdbgError) as told:
        open_session(**{"platform": "none", **given})  # type: ignore[arg-type]
    assert sentence in str(told.value) and "\n" not in str(told.value)
