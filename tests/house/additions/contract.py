"""A contract: what images of one family find when they begin."""

from pathlib import Path

from emu import open_session
from tests.boot.elf import EXECUTABLE, NOTYPE, Load, Sym, elf
from tests.guest import CODE, program

NEW = {
    "emu/boot/contracts/teapot.py": '''\
"""A bare image that says "teapot" and is told the number of cups."""

from typing import Final

from msgspec.structs import replace

from emu.boot.contracts import flat
from emu.boot.contracts.contract import Contract, Loaded
from emu.boot.image import Image
from emu.boot.layout import BootLayout


def recognise(image: Image) -> bool:
    return any(symbol.name == "teapot" for symbol in image.symbols)


def lay_out(loaded: Loaded) -> BootLayout:
    found = flat.lay_out(loaded)
    return replace(found, entry=replace(found.entry, rdi=418))


CONTRACT: Final = Contract("teapot", "short and stout", recognise, lay_out, hands_over=False)
''',
}
LINES = {
    "emu/boot/contracts/__init__.py": (
        (
            "from emu.boot.contracts import flat, igvm, linux, moment, multiboot, openhcl",
            ", teapot",
        ),
        ("CONTRACTS: Final[tuple[Contract, ...]] = (\n    ", "teapot.CONTRACT, "),
    ),
}


def uses() -> None:
    code = program("start: mov rax, rdi\nhlt").code
    symbols = (Sym("flat_boot_cpu", CODE, type=NOTYPE), Sym("teapot", CODE, type=NOTYPE))
    place = Path("teapot.elf")
    place.write_bytes(elf(Load(CODE, code, memory=len(code)), kind=EXECUTABLE, symbols=symbols))
    session = open_session(str(place), platform="none", cpus=2)
    session.do("run")
    assert session.registers(0)["rax"] == 418
