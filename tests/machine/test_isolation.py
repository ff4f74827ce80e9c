"""What the host can do to a TD: read ciphertext, and break a page, never change one unseen."""

from emu import Session, open_session
from emu.hw.address import Gpa


def _booting(platform: str) -> tuple[Session, Gpa]:
    session = open_session(platform=platform, cpus=2)
    session.do("until kernel_start")
    return session, Gpa(session.machine.board.cpus[0].registers.rip)


def test_the_host_reads_ciphertext_of_a_private_page() -> None:
    session, code = _booting("tdx")
    ram = session.machine.board.ram
    plain = ram.guest_bytes(code, 64)
    assert plain is not None
    assert ram.state(code) == "private"
    assert ram.read(code, 64) != plain
    assert ram.read(code, 64) == ram.read(code, 64)


def test_the_host_reads_a_page_of_a_guest_without_isolation_as_it_is() -> None:
    session, code = _booting("none")
    assert session.machine.board.ram.read(code, 64) == session.machine.board.ram.guest_bytes(
        code, 64
    )


def test_a_private_page_that_the_host_wrote_to_is_fatal_at_the_next_access() -> None:
    session, code = _booting("tdx")
    session.machine.stores.host_write(code, b"\x90")
    view = session.do("run")
    assert view.outcome == "crashed"
    assert "whose integrity the host has broken" in view.outcome_reason
    assert "kernel_start" in view.outcome_reason


def test_memory_that_was_not_accepted_is_fatal() -> None:
    session = open_session(platform="tdx", cpus=1)
    session.do("until accept_memory")
    machine = session.machine
    free = machine.board.layout.ram[0][0] + machine.board.layout.ram[0][1] - 4096
    assert machine.board.ram.state(Gpa(free)) == "unaccepted"
    machine.board.cpus[0].registers.put("rip", free)
    view = session.do("run")
    assert view.outcome == "crashed"
    assert f"fetching GPA {free:#x}, which is not accepted" in view.outcome_reason


def test_an_ap_cannot_write_what_its_tables_do_not_allow() -> None:
    """W^X: through its own tables the reset page is read-execute, the alias read-write."""
    session = open_session(platform="tdx", cpus=2)
    session.do("until kernel_start")
    session.do("cpu 1")
    code = "\n".join(session.do("walk 0xfffff000").reply)
    alias = "\n".join(session.do("walk 0xffffe000").reply)
    assert "gpa 0xfffff000" in code and "gpa 0xfffff000" in alias
    leaf_of_code = next(line for line in code.splitlines() if "L1" in line and "gpa" in line)
    leaf_of_alias = next(line for line in alias.splitlines() if "L1" in line and "gpa" in line)
    assert " W" not in leaf_of_code and "NX" not in leaf_of_code
    assert " W" in leaf_of_alias and "NX" in leaf_of_alias


def test_delays_pass_in_few_instructions_but_take_their_time() -> None:
    view = (session := open_session(platform="sipi", cpus=2)).do("run")
    assert view.virtual_ns > 10_000_000  # INIT alone waits 10 ms
    assert session.machine.board.exit_counts["rdtsc"] < 300


def test_a_slow_core_takes_longer_and_comes_online_all_the_same() -> None:
    even = open_session(platform="tdx", cpus=2)
    even.do("run")
    slow = open_session(platform="tdx", cpus=2)
    slow.machine.board.cpus[1].ps_per_instruction *= 8
    assert slow.do("run").outcome == "booted"
    assert slow.view().virtual_ns > even.view().virtual_ns
