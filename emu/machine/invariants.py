"""What holds between two slices, whatever the guest does: a bug of ours is found where it is.

`at_border` is asked at every checkpoint: 5 us with 4 CPUs and 0.1 ms with 1,024, where taking
the checkpoint costs 90 us and 30 ms. `page_states` costs 2 us a page: only tests ask it.
"""

from emu.hw.address import PAGE_BYTES, Gpa
from emu.hw.nested_walk import FRAME, PRESENT
from emu.machine.board import Board
from emu.machine.ram import Bank
from emu.machine.tracked import TrackedPages
from emu.machine.waits import Waits


def at_border(board: Board, waits: Waits, tracked: TrackedPages) -> None:
    """Clocks, sleepers and watched pages agree with each other."""
    waiting = waits.waiting
    assert not board.on_trial and not board.by_hand, "nothing is tried or stepped at a border"
    executed = sum(cpu.ticks for cpu in board.cpus)
    assert executed == board.tick, f"CPUs executed {executed}, the clock says {board.tick}"
    asleep = {cpu.id for cpu in board.cpus if cpu.activity == "waiting"}
    running = {cpu.id for cpu in board.cpus if cpu.activity == "running"}
    assert running == board.running, f"running: {running}, for the schedule: {board.running}"
    assert asleep == waiting.keys(), f"asleep: {asleep}, in waits: {set(waiting)}"
    open_ = tracked.open_to_the_guest()
    assert not open_, f"the guest may write unseen to {', '.join(map(hex, open_))}"


def page_states(board: Board) -> list[int]:
    """GPAs at which the model of the nested table says something else than the page's state;
    injections that edit the table make such places."""
    overlay = board.vmm.hypercall_page
    return [
        bank.gpa + at
        for bank in board.ram.banks
        for at in range(0, bank.size, PAGE_BYTES)
        if (overlay is None or (overlay - bank.gpa) // PAGE_BYTES != at // PAGE_BYTES)
        and not _as_stated(board, bank, at)
    ]


def _as_stated(board: Board, bank: Bank, at: int) -> bool:
    """Whether both views of a page are mapped as its state says."""
    gpa = Gpa(bank.gpa + at)
    own, shared = (
        leaf & FRAME if leaf & PRESENT else None
        for leaf in (board.npt.leaf(gpa), board.npt.leaf(gpa | board.shared_alias))
    )
    state = board.ram.state(gpa)
    if state == "unaccepted":
        return own is None and shared is None
    if state == "shared" and board.ram.two_views:
        return own is None and shared == bank.shared_hpa + at
    return own == bank.hpa + at and shared is None
