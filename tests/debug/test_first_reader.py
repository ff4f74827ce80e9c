"""`first-reader` names the very instruction that loaded from a page first, at its tick."""

import pytest

from emu import Session, open_session
from tests.guest import DATA, boot

CASES = [
    # (program, byte, bytes, ticks up to and with the load)
    ("mov ecx, [{DATA} + 0x20]\n hlt", 0x20, 4, 2),
    ("nop\n nop\n mov al, [{DATA} + 0xfff]\n hlt", 0xFFF, 1, 4),
    ("mov [{DATA}], eax\n add [{DATA} + 8], rax\n hlt", 8, 8, 3),
    ("mov rax, [{DATA} - 8]\n mov rax, [{DATA} + 0x1000]\n hlt", -1, 0, 0),
    ("lea rsi, [{DATA} + 0x10]\n lodsw\n mov al, [{DATA}]\n hlt", 0x10, 2, 3),
    ("lea rsi, [{DATA} + 0x40]\n lea rdi, [{SHARED}]\n mov ecx, 3\n rep movsb\n hlt",
     0x40, 1, 5),
    ("xchg [{DATA} + 4], ecx\n hlt", 4, 4, 2),
    ("mov [{DATA}], eax\n hlt", -1, 0, 0),
    ("mov rax, [{DATA} - 4]\n hlt", 0, 8, 2),
]  # fmt: skip


def asked(session: Session, place: str = f"gpa:{DATA:#x}") -> str:
    here = session.timeline.now, session.digest()
    (line,) = session.do(f"first-reader {place}").reply
    assert (session.timeline.now, session.digest()) == here, "asking has moved the machine"
    return line


@pytest.mark.parametrize(("program", "byte", "size", "tick"), CASES)
def test_the_first_load_is_found_to_the_tick(
    program: str, byte: int, size: int, tick: int
) -> None:
    session = boot(f"start: mov eax, 9\n {program}")
    session.do("run")
    line = asked(session)
    if byte < 0:
        assert line == f"gpa:{DATA:#x}: no instruction has loaded from it up to now"
        return
    assert line.startswith(f"gpa:{DATA:#x}: first read at +{byte:#x}, {size} bytes: ")
    assert " by cpu 0 at start" in line and line.endswith(f", tick {tick}")


def test_of_two_cpus_the_one_that_was_first_is_named() -> None:
    """CPU 1 waits for a flag that CPU 0 stores behind its own load."""
    session = boot(
        "cpu0: nop\n mov eax, [{DATA}]\n mov dword ptr [{SHARED}], 1\n hlt\n"
        "cpu1: cmp dword ptr [{SHARED}], 1\n jne cpu1\n mov eax, [{DATA}]\n hlt", 2,
    )  # fmt: skip
    session.do("run")
    session.do("first-reader gpa:0x430000")
    assert "by cpu 0 at cpu0+0x1" in asked(session)
    assert asked(session, f"gpa:{DATA + 8:#x}/4").endswith("loaded from it up to now")


def test_a_moment_before_it_nobody_has_read() -> None:
    session = boot("start: nop\n nop\n nop\n mov eax, [{DATA}]\n nop\n hlt")
    session.do("run")
    assert asked(session).endswith(", tick 4")
    session.do("goto 3")
    assert "no instruction has loaded" in asked(session)
    session.do("goto 4")
    assert asked(session).endswith(", tick 4")


def test_a_loop_that_sleeps_was_read_before_it_slept() -> None:
    session = boot("start: nop\nspin: cmp dword ptr [{DATA}], 1\n jne spin\n hlt")
    session.do("run 5000")
    assert asked(session).endswith("at spin, tick 2")


def test_what_is_no_memory_is_refused() -> None:
    session = boot("start: hlt")
    with pytest.raises(Exception, match="first-reader: rax is no memory"):
        session.do("first-reader rax")


def test_a_measured_page_says_so_and_who_read_it() -> None:
    """The tree is a parameter: the shim reads its first word, 0xd00dfeed, big endian."""
    session = open_session("samples/shim.igvm", platform="tdx", cpus=2)
    session.do("run 20000")
    tree = session.machine.board.layout.host_dtb_gpa
    line = asked(session, f"gpa:{tree:#x}")
    assert "(parameter, by PARAMETER_INSERT at 0x88): first read at +0x0, 4 bytes: " in line
    assert "0xedfe0dd0 by cpu 0 at fdt_open" in line
    assert "(measured, by PAGE_DATA at 0x78a0): first read" in asked(session, "gpa:0xfffff000")
