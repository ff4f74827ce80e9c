"""How far each AP is: the machine and the rules say the same, of whatever is booted."""

from functools import lru_cache
from pathlib import Path
from typing import Final

import pytest

from emu import Session, open_session
from emu.errors import CommandError
from emu.mailbox.ap import ApState
from emu.mailbox.course import Course
from tests.gallery import IMAGES, Bug
from tests.guest import MAILBOX, boot
from tests.shard import breadth

ROOT: Final = Path(__file__).parents[2]
SAMPLES: Final = ROOT / "samples"
PLATFORMS: Final = ("tdx", "vbs", "none", "sipi")
GALLERY: Final = sorted(
    path.stem for path in (SAMPLES / "gallery").glob("*.elf") if "." not in path.stem
)
_E_SHOFF, _E_SHENTSIZE = slice(0x28, 0x30), slice(0x3A, 0x40)
TOLD: Final[dict[str, str]] = {
    "start-page-written": "no AP ever waits, so nobody knows that the OS expects any",
    "stack-shared": "where an AP has its own stack is a place, which nobody sees it come to",
    "unbounded-wait": "where the records of the APs lie is a place",
    "lock-held": "where the records of the APs lie is a place",
    "ungated-command": "an AP that was handed back is the OS's until it waits",
    "branch-into-tdcall": "an AP that is lost on its way back has arrived once",
    "rbp-mask": "where an AP gives itself up is a place, and without it nobody misses the AP",
    "id-unchecked": "its injection names a symbol",
    "command-then-id": "its schedule begins before anybody can know where the mailbox is",
    "id-then-command": "its schedule names a symbol",
}
"""Images of the gallery of which less is seen without a symbol, and why."""
PLACED: Final = "cpu-stuck"
"""Where a CPU gives itself up is a place: without it, it halts there for no reason."""
LOOP: Final = """
start:
    lea rbx, [{MAILBOX}]
    test edi, edi
    jz os
    mov ecx, edi
wait:
    pause
    movzx eax, word ptr [rbx]
    cmp eax, 1
    jne wait
    cmp dword ptr [rbx + 4], ecx
    jne wait
    mov rdx, [rbx + 8]
    mov word ptr [rbx], 0
    jmp rdx
os:
    mov ecx, 2000
soon:
    dec ecx
    jnz soon
    mov dword ptr [rbx + 4], 1
    lea rdx, [rip + there]
    mov [rbx + 8], rdx
    mov word ptr [rbx], 1
answered:
    pause
    cmp word ptr [rbx], 0
    jne answered
    hlt
there:
    hlt
"""
"""CPU 0 wakes CPU 1, and leaves CPU 2 where it is."""


def states(session: Session) -> list[ApState]:
    """What the machine says of every CPU."""
    board = session.machine.board
    return [board.aps.of(cpu.id) for cpu in board.cpus]


def folded(session: Session) -> list[ApState]:
    """What the rules say by what was noted."""
    board = session.machine.board
    course = Course(board.platform.apic_ids)
    for index in range(board.logs.observed.now):
        course.add(board.logs.observed.at(index))
    return [course.aps.of(cpu.id) for cpu in board.cpus]


def stripped(source: Path, target: Path) -> None:
    """An image without its section headers: no symbols, no debug information."""
    data = bytearray(source.read_bytes())
    data[_E_SHOFF], data[_E_SHENTSIZE] = bytes(8), bytes(6)
    target.write_bytes(data)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sample's images, stripped."""
    folder = tmp_path_factory.mktemp("bare")
    stripped(SAMPLES / "shim.elf", folder / "shim.elf")
    stripped(SAMPLES / "reset.elf", folder / "shim.reset.elf")
    stripped(SAMPLES / "kernel.elf", folder / "kernel.elf")
    return folder


def foreign(folder: Path, platform: str, *inject: str, shim: str = "shim") -> Session:
    """The stripped images, on four CPUs."""
    own = folder / f"{shim}.kernel.elf"
    kernel = own if own.exists() else folder / "kernel.elf"
    return open_session(
        str(folder / f"{shim}.elf"), kernel=str(kernel), platform=platform, cpus=4,
        inject=list(inject), max_ticks=60_000_000, watchdog=10_000_000,
    )  # fmt: skip


@lru_cache
def gallery(name: str) -> Session:
    """An image of the gallery, booted as its file says."""
    session = Bug.of(name).prepared()
    session.do("run")
    return session


@pytest.mark.parametrize("platform", PLATFORMS)
def test_machine_and_rules_agree_wherever_a_boot_stands(platform: str) -> None:
    session = open_session(platform=platform, cpus=4)
    session.do("run")
    assert states(session) == folded(session) == ["online"] * 4
    for percent in range(30, 100, 5):
        session.do(f"goto {percent}%")
        assert states(session) == folded(session), percent


@pytest.mark.parametrize("name", breadth(IMAGES, every=3))
def test_machine_and_rules_agree_on_the_gallery(name: str) -> None:
    session = gallery(name)
    assert states(session) == folded(session)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_without_symbols_the_aps_are_seen_to_do_the_same(bare: Path, platform: str) -> None:
    session, known = foreign(bare, platform), open_session(platform=platform, cpus=4)
    session.do("run")
    known.do("run")
    board = session.machine.board
    assert board.mailbox_gpa == known.machine.board.mailbox_gpa
    assert board.tick == known.machine.board.tick
    assert board.vmm.serial == known.machine.board.vmm.serial
    assert states(session) == folded(session) == ["starting", "arrived", "arrived", "arrived"]
    steps = ["parked", "woken", "acked", "arrived"]
    assert [one.step for one in board.aps.history[1]] == steps
    assert [one.step for one in board.aps.history[3]] == steps * 2  # it was handed back
    assert session.verdict is not None
    assert session.verdict.words == (
        "booted", "all 4 CPUs reached the OS and the guest switched off"
    )  # fmt: skip
    assert not session.findings()


@pytest.mark.parametrize("loop", ["openhcl", "edk2", "td-shim"])
def test_before_the_first_wake_up_loops_of_others_are_parked_and_no_finding(
    bare: Path, loop: str
) -> None:
    for end in ("elf", "reset.elf"):
        stripped(SAMPLES / "dialects" / f"{loop}.{end}", bare / f"{loop}.{end}")
    session = foreign(bare, "tdx", shim=loop)
    session.do("until os-entry")
    assert [cpu.state for cpu in session.view().cpus] == ["running"] + ["parked"] * 3
    assert states(session) == folded(session) == ["starting"] + ["parked"] * 3
    assert not session.findings()


BEGINS: Final = {
    "tdx": ["reset", "shim", "memory", "start APs"],
    "vbs": ["shim", "hypercalls", "memory", "start APs"],
    "none": ["shim", "hypercalls", "start APs"], "sipi": ["shim", "start APs"],
}  # fmt: skip
"""What a host sees of a shim before it hands over: a TD has no hypercall page, only isolated
guests accept memory."""
ENDS: Final = ["parked", "kernel", "wake-up", "ack", "arrived", "done"]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_without_symbols_the_phases_are_told_by_what_the_host_sees(
    bare: Path, platform: str
) -> None:
    session, known = foreign(bare, platform), open_session(platform=platform, cpus=4)
    session.do("run")
    known.do("run")
    phases = session.view().phases
    assert [one.name for one in phases] == BEGINS[platform] + ENDS
    ticks = [one.tick for one in phases]
    assert all(one.reached for one in phases) and ticks == sorted(ticks, key=lambda t: t or 0)
    ours = {one.name: one.tick for one in known.view().phases}
    assert {one.name: one.tick for one in phases}["kernel"] == ours["kernel"]
    # In the past they are ahead, and known.
    session.do("goto os-entry")
    now = {one.name: one.reached for one in session.view().phases}
    assert now["shim"] and now["start APs"] and not now["done"]


@pytest.mark.parametrize("name", breadth([n for n in IMAGES if n not in TOLD], every=4))
def test_without_symbols_the_same_rules_are_broken(bare: Path, name: str) -> None:
    reset = SAMPLES / "gallery" / f"{name}.reset.elf"
    stripped(SAMPLES / "gallery" / f"{name}.elf", bare / f"{name}.elf")
    stripped(reset if reset.exists() else SAMPLES / "reset.elf", bare / f"{name}.reset.elf")
    kernel = SAMPLES / "gallery" / f"{name}.kernel.elf"
    if kernel.exists():
        stripped(kernel, bare / kernel.name)
    bug, known = Bug.of(name), gallery(name)
    session = foreign(bare, bug.platform, *bug.inject, shim=name)
    session.do("run")
    rules = [{one.rule for one in each.findings()} - {PLACED} for each in (session, known)]
    assert rules[0] == rules[1]
    assert states(session) == folded(session)
    assert session.verdict is not None and known.verdict is not None
    assert session.verdict.outcome == known.verdict.outcome


@pytest.mark.parametrize("platform", PLATFORMS)
def test_moments_by_role_work_without_symbols(bare: Path, platform: str) -> None:
    spec = "nmi 1 at parked cpu 1"
    session = foreign(bare, platform, spec, "stop 2 at ack cpu 2")
    session.do("run")
    fired = [(one.spec, one.problem) for one in session.machine.injected.fired]
    assert fired == [(spec, ""), ("stop 2 at ack cpu 2", "")]
    assert states(session)[2] == "acked"
    end = session.digest(), session.timeline.now
    session.do("goto 20%")
    session.do("goto end")
    assert (session.digest(), session.timeline.now) == end


def test_the_mailbox_that_a_tree_tells_of_is_forgotten_and_found_again(bare: Path) -> None:
    session = foreign(bare, "none")
    board = session.machine.board
    session.do("run")
    found, end = board.mailbox_gpa, states(session)
    assert found is not None
    session.do(f"goto {session.do('goto os-entry').tick - 100}")
    assert board.mailbox_gpa is None and states(session) == ["starting"] * 4
    session.do("goto end")
    assert (board.mailbox_gpa, states(session)) == (found, end)


def test_a_loop_of_any_other_make_is_followed() -> None:
    session = boot(LOOP, cpus=3, mailbox=True)
    session.do("run")
    board = session.machine.board
    assert board.mailbox_gpa == MAILBOX
    assert states(session) == folded(session) == ["starting", "arrived", "parked"]
    texts = [e.text for e in board.logs.events if e.kind == "milestone" and e.cpu == 1]
    assert texts == ["reaches parked", "reaches ack", "reaches arrived"]
    session.do("goto parked")
    assert states(session)[1:] != ["starting", "starting"]


def test_a_role_without_a_place_is_one_sentence() -> None:
    session = boot(LOOP, cpus=3, mailbox=True)
    with pytest.raises(CommandError, match=r"^parked: no place of these images"):
        session.do("break parked")


def test_a_role_stands_where_a_symbol_can() -> None:
    session = open_session(platform="none", cpus=2)
    session.do("until parked")
    assert session.machine.board.cpus[1].milestone == "mailbox_wait"
    by_role, by_name = session.do("goto parked").tick, session.do("goto mailbox_wait").tick
    assert by_role == by_name
    session.do("break os-entry")
    assert "kernel_start" in session.do("run").stop[0].text
