"""Names of stripped kernels: from their own table of them, or from a System.map."""

import random
from pathlib import Path

import pytest

from emu import open_session
from emu.boot.contracts import load, load_names
from emu.boot.kallsyms import symbols_of
from emu.errors import ImageError
from tests.boot import kallsyms
from tests.boot.kallsyms import BASE, PER_CPU, many, table
from tests.boot.kernel import COMPRESSIONS, bzimage, vmlinux

LAYOUTS = [
    {"old": True}, {"old": True, "order": 3}, {"old": True, "order": 4}, {"old": False},
    {"old": False, "order": 3}, {"old": False, "absolute_per_cpu": False},
]  # fmt: skip


def kept(names: kallsyms.Names) -> set[tuple[str, int, bool]]:
    return {(name, at, kind in "tTwW") for at, kind, name in names if kind != PER_CPU}


def within(data: bytes) -> bytes:
    """Somewhere in a file, with what looks like it before."""
    digits = b"".join(b"%d\0" % digit for digit in range(10))
    return bytes(range(256)) * 40 + digits * 3 + bytes(76) + data + b"\xff" * 512


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("count", [1_100, 1_280 - 7, 5_000])
def test_names_are_those_that_went_in(layout: dict[str, int], count: int) -> None:
    names = many(count)
    if "absolute_per_cpu" in layout:
        names = [row for row in names if row[1] != PER_CPU]
    data = within(table(names, **layout))  # type: ignore[arg-type]
    found = symbols_of(data)
    assert {(one.name, one.address, one.function) for one in found} == kept(names)
    assert [one.address for one in found] == sorted(one.address for one in found)
    assert not any(one.size for one in found)


def test_what_has_no_table_has_no_names() -> None:
    assert symbols_of(b"") == ()
    assert symbols_of(within(b"")) == ()
    assert symbols_of(within(table(many(300), old=True))) == (), "no kernel is so small"


@pytest.mark.parametrize("old", [True, False])
def test_damage_never_raises(old: bool) -> None:
    data = within(table(many(1_100), old=old))
    generator = random.Random(5)
    for _ in range(100):
        changed = bytearray(data)
        for _ in range(generator.randrange(1, 60)):
            changed[generator.randrange(len(changed))] = generator.randrange(256)
        symbols_of(bytes(changed))
    for length in range(0, len(data), 997):
        symbols_of(data[:length])


@pytest.mark.parametrize("packed", [False, True])
def test_a_stripped_kernel_has_its_names(tmp_path: Path, packed: bool) -> None:
    names = many(1_100)
    data = vmlinux(b"\xf4" * 4096 + table(names, old=False), symbols=())
    data = data.replace(b"startup_64", b"\0tartup_64")
    place = tmp_path / "vmlinuz"
    place.write_bytes(bzimage(COMPRESSIONS["gzip"](data)) if packed else data)
    image = load(place)
    assert {one.name for one in image.symbols} == {row[2] for row in names if row[1] != PER_CPU}
    session = open_session(str(place), cpus=1)
    name, address = names[40][2], names[40][0]
    assert session.machine.board.layout.symbols.find(name) == [address]
    assert session.machine.board.layout.symbols.name(address + 3) == f"{name}+0x3"


MAP = """\
                 U __end_rodata
0000000000000000 A __per_cpu_start
000000000001d400 A entry_stack_storage
ffffffff81000000 T _text
ffffffff81000040 t verify_cpu
ffffffff81000100 T secondary_startup_64
ffffffff82000000 D data_of_mine\t[module]
"""


def test_a_system_map_names_what_it_lists(tmp_path: Path) -> None:
    place = tmp_path / "System.map"
    place.write_text(MAP)
    found = load_names(place).symbols
    assert [(one.name, one.address - BASE, one.function) for one in found] == [
        ("_text", 0, True), ("verify_cpu", 0x40, True), ("secondary_startup_64", 0x100, True),
        ("data_of_mine", 0x100_0000, False),
    ]  # fmt: skip


def test_a_kernel_takes_the_names_of_a_system_map(tmp_path: Path) -> None:
    kernel, names = tmp_path / "vmlinux", tmp_path / "System.map"
    kernel.write_bytes(vmlinux(b"\xf4" * 4096))
    names.write_text(MAP)
    session = open_session(str(kernel), cpus=1, symbols=(str(names),))
    assert session.machine.board.layout.symbols.find("verify_cpu") == [BASE + 0x40]
    assert session.machine.board.layout.symbols.name(BASE + 0x44) == "verify_cpu+0x4"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names nothing in the upper half"),
        ("ffffffffffffffff B The real System.map is in the -dbg package\n", "its line 1 is"),
        ("ffffffff81000000 T _text\nhello\n", "its line 2 is 'hello'"),
        ("0000000000001000 T low\n", "names nothing in the upper half"),
    ],
)
def test_what_is_no_map_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    place = tmp_path / "System.map"
    place.write_text(text)
    with pytest.raises(ImageError) as found:
        load_names(place)
    assert str(found.value).startswith(f"{place}: ") and said in str(found.value)
