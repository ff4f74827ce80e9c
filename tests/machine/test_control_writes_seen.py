"""People see writes to control registers: the reason of a refused one, and an allowed one as
any instruction."""

from tests.guest import boot, label
from tests.ways import run


def test_the_reason_is_told_and_caught() -> None:
    source = "start: mov rax, cr4\n bts rax, 17\n at: mov cr4, rax\n hlt\n handler13: hlt"
    session = boot(source)
    run(session)
    faults = [e.text for e in session.machine.board.logs.events if e.kind == "fault"]
    assert faults == ["#GP: CR4 0x60260 has PCIDE set, which CPUID does not offer at at"]
    caught = boot(source)
    caught.do("catch exception")
    run(caught)
    board = caught.machine.board
    assert board.cpus[0].registers.rip == label(board, "handler13")


def test_a_write_is_stepped_and_stopped_at_like_any_instruction() -> None:
    session = boot("start: mov rax, cr3\n at: mov cr3, rax\n clts\n nop\n hlt")
    session.do("break at")
    run(session)
    board = session.machine.board
    assert board.cpus[0].registers.rip == label(board, "at") and board.tick == 1
    session.do("step 0 1")
    assert board.tick == 2
    session.do("step 0 2")
    assert board.tick == 4
    session.do("goto 1")
    assert board.tick == 1
