"""What a boot tells of a CPU that dies: its cause, in the line of the original."""

from typing import Final

from emu import Session, open_session

NXE: Final = "samples/gallery/nxe-forgotten.elf"
WALKED: Final = "L1 has reserved bit 63: it is NX and EFER.NXE is 0"


def booted() -> Session:
    """APs that turn paging on without EFER.NXE (asterinas #1992, unikraft #1515)."""
    session = open_session(NXE, platform="sipi", cpus=2)
    session.do("run")
    return session


def test_an_ap_that_forgot_nxe_is_told_by_the_bit_and_the_line_of_the_trampoline() -> None:
    session = booted()
    board = session.machine.board
    name = board.layout.symbols.name(board.cpus[1].registers.segment("gdtr").base + 0x10)
    events = [event.text for event in board.logs.events if event.cpu == 1]
    fault = next(text for text in events if text.startswith("#PF"))
    assert fault == f"#PF reading 0x841c030 ({name}) at trampoline_paging+0x12: {WALKED}"
    end = next(text for text in events if text.startswith("shuts down"))
    assert f"at trampoline_paging+0x12 (trampoline.S:39): {WALKED}" in end
    assert end.endswith("triple fault")


def test_walk_says_of_the_address_what_the_fault_said() -> None:
    session = open_session(NXE, platform="sipi", cpus=2)
    session.do("break 0x9e047 cpu 1")
    session.do("run")
    session.do("cpu 1")
    assert session.do("walk 0x841c030").reply[-1].endswith(f"page fault: {WALKED}")
