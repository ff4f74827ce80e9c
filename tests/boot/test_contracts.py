"""By which contract an image is booted, and what a bare one finds."""

from pathlib import Path

import pytest

from emu import open_session
from emu.boot.contracts import CONTRACTS, contract_of
from emu.boot.image import load_image
from emu.boot.samples import samples_dir
from emu.errors import CommandError, ImageError, PlatformError
from tests.boot.elf import EXECUTABLE, NOTYPE, PIE, Load, Sym, elf
from tests.guest import CODE, program

SOURCE = """
start:
    push rdi
    pop rax
    lea rbx, [rip + here]
here:
    jmp here
"""


def bare(folder: Path, symbol: str, kind: int = EXECUTABLE, size: int = 0) -> str:
    """An image with that symbol at its first instruction."""
    code = program(SOURCE).code
    place = folder / "bare.elf"
    symbols = (Sym(symbol, CODE, type=NOTYPE),)
    place.write_bytes(
        elf(Load(CODE, code, memory=size or len(code)), kind=kind, symbols=symbols)
    )
    return str(place)


def test_names_differ_and_the_last_contract_takes_everything() -> None:
    assert len({one.name for one in CONTRACTS}) == len(CONTRACTS)
    for path in samples_dir().glob("*.elf"):
        assert contract_of(load_image(path)) is CONTRACTS[-1]


@pytest.mark.parametrize("platform", ["none", "sipi", "vbs", "tdx"])
@pytest.mark.parametrize("kind", [EXECUTABLE, PIE])
def test_every_cpu_begins_with_its_number_and_a_stack(
    tmp_path: Path, platform: str, kind: int
) -> None:
    session = open_session(bare(tmp_path, "flat_every_cpu", kind), platform=platform, cpus=3)
    entry = session.machine.board.linear_rip(session.machine.board.cpus[0])
    session.do("run")
    board = session.machine.board
    assert session.verdict is not None and session.verdict.outcome == "hung"
    assert [cpu.registers.get("rax") for cpu in board.cpus] == [0, 1, 2]
    assert len({cpu.registers.get("rsp") for cpu in board.cpus}) == 3
    assert {cpu.registers.get("rbx") for cpu in board.cpus} == {
        entry + len(program(SOURCE).code) - 2
    }
    assert [region.name for region in board.layout.regions] == [
        "image", "GDT", "page tables", "stacks"
    ]  # fmt: skip
    with pytest.raises(CommandError, match=r"^dtb: this image is handed no device tree$"):
        session.do("dtb host")


def test_the_bsp_may_begin_alone(tmp_path: Path) -> None:
    session = open_session(bare(tmp_path, "flat_boot_cpu"), platform="none", cpus=3)
    session.do("run")
    assert [cpu.activity for cpu in session.machine.board.cpus] == ["waiting", "off", "off"]


def test_what_a_bare_image_cannot_take_is_one_sentence(tmp_path: Path) -> None:
    image = bare(tmp_path, "flat_every_cpu")
    with pytest.raises(ImageError, match=r"is a bare image, .*: it takes no --kernel$"):
        open_session(image, kernel=image)
    large = bare(tmp_path, "flat_every_cpu", PIE, size=(64 << 20) - (2 << 20))
    with pytest.raises(PlatformError, match=r"64 MiB of memory are not enough for .*bare.elf"):
        open_session(large, platform="none")
