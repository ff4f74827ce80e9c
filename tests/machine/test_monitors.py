"""What ends MWAIT, and what does not: each sentence of the SDM that this machine has something
for.

SDM 2: MONITOR, MWAIT. SDM 3, 10.10.4: the MONITOR/MWAIT instruction.
"""

from typing import Final

import pytest

from emu.hw.address import Gpa
from emu.machine.monitors import SavedMonitors
from tests.guest import DATA, SHARED, X2APIC, finish, word
from tests.machine.mwaits import LEFT, MONITORS, NOTED, WAITS, guest, ran, store

# -- what ends MWAIT -------------------------------------------------------------------------


def test_a_store_of_another_cpu_to_the_line_ends_it() -> None:
    board = ran(f"cpu0: {WAITS}{NOTED}{store('mov byte ptr [rbx + 63], 1')}", 2)
    assert word(board, LEFT, 4) == 1


@pytest.mark.parametrize("at", [-1, 64])
def test_a_store_beside_the_line_does_not(at: int) -> None:
    board = ran(f"cpu0: {WAITS}{NOTED}{store(f'mov byte ptr [rbx + {at}], 1')}", 2)
    assert word(board, LEFT, 4) == 0
    assert board.cpus[0].activity == "mwait"


STORES: Final = [
    "mov dword ptr [rbx], 0",  # what stands there already
    "xor eax, eax\n mov ecx, 9\n lock cmpxchg dword ptr [rbx], ecx\n",
    "mov eax, 7\n mov ecx, 9\n lock cmpxchg dword ptr [rbx], ecx\n",  # which fails
    "lock or dword ptr [rbx + 60], 0",
    "mov qword ptr [rbx - 4], 0",  # into it from the line before
    "lea rdi, [rbx + 8]\n xor eax, eax\n mov ecx, 2\n rep stosb",
    "lea rsp, [rbx + 64]\n push 0",
    "movups [rbx - 12], xmm0",
]


@pytest.mark.parametrize("what", STORES)
def test_any_store_does_whatever_it_changes(what: str) -> None:
    board = ran(f"cpu0: {WAITS}{NOTED}{store(what)}", 2)
    assert word(board, LEFT, 4) == 1


def test_a_load_does_not() -> None:
    board = ran(f"cpu0: {WAITS}{NOTED}{store('mov eax, [rbx]')}", 2)
    assert board.cpus[0].activity == "mwait"


@pytest.mark.parametrize("value", [b"\0", b"\1"])
def test_a_store_of_the_host_ends_it(value: bytes) -> None:
    driver = guest(f"cpu0: {WAITS}{NOTED}").driver()
    board = finish(driver)
    assert board.cpus[0].activity == "mwait"
    driver.machine.stores.host_write(DATA + 5, value)
    assert board.cpus[0].activity == "running"


def test_between_the_two_a_store_makes_mwait_a_nop() -> None:
    """MONITOR, then a wait long enough for the other CPU's store, then MWAIT."""
    waits = MONITORS + "mov ecx, 9000\n between: dec ecx\n jnz between\n xor eax, eax\n mwait\n"
    board = ran(f"cpu0: {waits}{NOTED}{store('mov dword ptr [rbx], 0')}", 2)
    assert word(board, LEFT, 4) == 1


def test_a_store_of_its_own_counts_as_well() -> None:
    """`A store to an address within the specified address range triggers the monitoring
    hardware`: nothing is said of whose."""
    waits = MONITORS + "mov dword ptr [rax], 0\n xor eax, eax\n mwait\n"
    assert word(ran(f"start: {waits}{NOTED}"), LEFT, 4) == 1


def test_without_a_monitor_it_is_a_nop() -> None:
    assert word(ran(f"start: xor eax, eax\n xor ecx, ecx\n mwait\n{NOTED}"), LEFT, 4) == 1


def test_mwait_does_not_arm_again() -> None:
    twice = f"{WAITS} mov dword ptr [{{SHARED}} + 0x800], 1\n mwait\n"
    done = "mov dword ptr [{SHARED} + 0x800], 2\n cli\n hlt\n"
    board = ran(f"cpu0: {twice}{done}{store('mov dword ptr [rbx], 1')}", 2)
    assert word(board, LEFT, 4) == 2


def test_the_last_monitor_counts() -> None:
    moved = MONITORS + WAITS.replace("{DATA}", "{DATA} + 0x40")
    board = ran(f"cpu0: {moved}{NOTED}{store('mov dword ptr [rbx], 1')}", 2)
    assert board.cpus[0].activity == "mwait"


SENDS: Final = X2APIC + "mov ecx, 0x830\n mov eax, {icr:#x}\n xor edx, edx\n wrmsr\n"
TAKEN: Final = """
handler64:
    mov dword ptr [{SHARED} + 0x820], 1
    mov ecx, 0x80b
    xor eax, eax
    xor edx, edx
    wrmsr
    iretq
handler2:
    mov dword ptr [{SHARED} + 0x820], 2
    iretq
"""


@pytest.mark.parametrize(
    ("flag", "extensions", "icr", "ends", "taken"),
    [
        ("sti", 0, 0x4040, True, 1),  # as it would be delivered
        ("cli", 0, 0x4040, False, 0),
        ("cli", 1, 0x4040, True, 0),  # ECX[0]: it breaks, and waits
        ("sti", 1, 0x4040, True, 1),
        ("cli", 0, 0x4400, True, 2),  # an NMI
    ],
)
def test_interrupts(flag: str, extensions: int, icr: int, ends: bool, taken: int) -> None:
    waits = MONITORS + f"xor eax, eax\n mov ecx, {extensions}\n mwait\n"
    source = f"cpu0: {X2APIC}{flag}\n{waits}{NOTED}{store(SENDS.replace('{icr:#x}', hex(icr)))}"
    board = ran(source + TAKEN, 2, "sipi")
    assert word(board, LEFT, 4) == ends
    assert word(board, SHARED + 0x820, 4) == taken


def test_an_interrupt_that_waits_already_keeps_it_from_sleeping() -> None:
    own = SENDS.replace("{icr:#x}", "0x44040")
    waits = MONITORS + "xor eax, eax\n mov ecx, 1\n mwait\n"
    assert word(ran(f"start: cli\n{own}{waits}{NOTED}{TAKEN}", 1, "sipi"), LEFT, 4) == 1


def test_its_timer_ends_it() -> None:
    timer = "mov ecx, 0x832\n mov eax, 0x40\n xor edx, edx\n wrmsr\n"
    timer += "mov ecx, 0x838\n mov eax, 1000\n wrmsr\n"
    board = ran(f"start: {X2APIC}{timer}sti\n{WAITS}{NOTED}{TAKEN}", 1, "sipi")
    assert (word(board, LEFT, 4), word(board, SHARED + 0x820, 4)) == (1, 1)


def test_init_ends_it() -> None:
    init = SENDS.replace("{icr:#x}", "0xc4500")  # to all but itself
    work = "mov ecx, 900\n work: dec ecx\n jnz work\n"
    board = ran(f"cpu1: {WAITS}{NOTED}cpu0: {work}{init}cli\n hlt\n", 2, "sipi")
    assert board.cpus[1].activity == "wait-for-sipi"
    assert word(board, LEFT, 4) == 0


@pytest.mark.parametrize("move", ["mov rax, cr3\n mov cr3, rax", "mov rax, cr4\n mov cr4, rax"])
def test_a_write_of_a_control_register_between_the_two_ends_the_monitoring(move: str) -> None:
    waits = MONITORS + move + "\n xor eax, eax\n mwait\n"
    assert word(ran(f"start: {waits}{NOTED}"), LEFT, 4) == 1


def test_a_far_transfer_between_the_two_leaves_the_line_armed() -> None:
    """A limit: hardware may take it for a reason to end the monitoring (SDM 3, 10.10.4)."""
    far = "push 0x10\n lea rcx, [rip + behind]\n push rcx\n retfq\n behind:\n"
    board = ran(f"start: {MONITORS}{far}xor eax, eax\n xor ecx, ecx\n mwait\n{NOTED}")
    assert board.cpus[0].activity == "mwait"


def test_an_interrupt_between_the_two_ends_it_too() -> None:
    own = SENDS.replace("{icr:#x}", "0x44040")
    waits = (
        MONITORS
        + own
        + "mov ecx, 400\n between: dec ecx\n jnz between\n xor eax, eax\n mwait\n"
    )
    board = ran(f"start: sti\n{waits}{NOTED}{TAKEN}", 1, "sipi")
    assert (word(board, LEFT, 4), word(board, SHARED + 0x820, 4)) == (1, 1)


# -- time, and every way ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hint", "depth", "leaving_ns"),
    # intel_idle, Sapphire Rapids: C1 1 us, C6 290 us
    [(0x00, "C1", 1_000), (0x20, "C6", 290_000), (0x01, "C1", 1_000), (0x60, "C6", 290_000),
     (0x10, "C1", 1_000), (0xF0, "C1", 1_000)],
)  # fmt: skip
def test_it_goes_on_as_late_as_its_depth_takes_to_be_left(
    hint: int, depth: str, leaving_ns: int
) -> None:
    waits = MONITORS + f"mov eax, {hint:#x}\n mwait\n"
    driver = guest(f"cpu0: {waits}{NOTED}{store('mov dword ptr [rbx], 1')}", 2).driver()
    board = finish(driver)
    woken = [one for one in board.logs.woken if one.cpu == 0]
    assert [(one.why, one.by) for one in woken] == [("monitored", 1)]
    assert woken[0].to_ps - woken[0].cause_ps == leaving_ns * 1000
    stored_at = (2 + 2 * 3000) * 500  # and then its store, half a ns each
    assert woken[0].cause_ps == stored_at + 500


def test_a_waiter_that_stores_again_and_again_is_not_put_to_sleep() -> None:
    """CPU 1 tries to take a lock in the line: each attempt is a store, which ends an MWAIT."""
    loops = (
        f"mov ebp, 20\nagain: {WAITS}dec ebp\n jnz again\n mov dword ptr [{{DATA}}], 0\n{NOTED}"
    )
    lock = (
        "mov dword ptr [rbx], 1\nspin: mov eax, 1\n xchg [rbx], eax\n test eax, eax\n jnz spin"
    )
    for waiting in (True, False):
        board = ran(f"cpu0: {loops}{store(lock, 10)}", 2, waiting=waiting)
        assert word(board, LEFT, 4) == 1


def test_nothing_is_left_of_it_when_it_is_over() -> None:
    driver = guest(f"cpu0: {WAITS}{NOTED}{store('mov dword ptr [rbx], 1')}", 2).driver()
    machine = driver.machine
    finish(driver)
    assert machine.monitors.save() == SavedMonitors({}, {})
    assert not machine.tracked.why(Gpa(DATA)) and not machine.board.monitored
