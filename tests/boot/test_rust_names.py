"""Names of Rust functions: shown as paths without hashes, found by their last parts."""

from pathlib import Path

import pytest

from emu import Session, open_session
from emu.boot import rust_names
from emu.boot.image import Image, Placed
from emu.boot.symbols import SymbolMap
from emu.errors import CommandError
from tests.boot.elf import Load, Sym, elf, image

OURS = "CsaKts3zAZ9JE_12openhcl_boot"
MAIN = f"_RNv{OURS}9shim_main"
TOPOLOGY = f"_RNvNtNt{OURS}11host_params2dt21topology_from_host_dt"
PARSE = f"_RNvNtNt{OURS}11host_params2dt5parse"
OTHER_PARSE = f"_RNvNt{OURS}7cmdline5parse"
NEW = f"_RNvMNtNt{OURS}11host_params2dtNtB2_3Baz3new"
DISPLAY = f"_RNvXs_NtNt{OURS}11host_params2dtNtB4_3BazNtNtCsgEmfK2I1SDS_4core3fmt7Display3fmt"
PAD = "_RNvMNtCs1234_4core3fmtNtB2_9Formatter3pad.llvm.123456"
LEGACY = "_ZN12openhcl_boot7cmdline4many17h0123456789abcdefE"
MANY = "_RINvNtC3std3mem8align_ofdE"
NAMES = (MAIN, TOPOLOGY, PARSE, OTHER_PARSE, NEW, DISPLAY, PAD, LEGACY, "memcpy", "_Rough")
"""As rustc 1.95 wrote them of functions of these paths, with `-C symbol-mangling-version=v0`
and without."""


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (MAIN, "openhcl_boot::shim_main"),
        (TOPOLOGY, "openhcl_boot::host_params::dt::topology_from_host_dt"),
        (NEW, "<openhcl_boot::host_params::dt::Baz>::new"),
        (DISPLAY, "<openhcl_boot::host_params::dt::Baz as core::fmt::Display>::fmt"),
        (PAD, "<core::fmt::Formatter>::pad"),
        (LEGACY, "openhcl_boot::cmdline::many"),
        (MANY, "std::mem::align_of::<f64>"),
        ("memcpy", "memcpy"),
        ("_Rough", "_Rough"),
        ("_R" + "N" * 3000, "_R" + "N" * 3000),
        ("_ZN99h17h0123456789abcdefE", "_ZN99h17h0123456789abcdefE"),
    ],
)
def test_a_mangled_name_is_read_as_a_path_and_any_other_stays(name: str, path: str) -> None:
    assert rust_names.readable(name) == path


def test_a_path_is_typed_without_type_arguments_and_traits() -> None:
    assert rust_names.typed("std::mem::align_of::<f64>") == "std::mem::align_of"
    assert rust_names.typed("<a::B as core::fmt::Display>::fmt") == "a::B::fmt"
    assert rust_names.typed("<a::B<c::D<u8>>>::new") == "a::B::new"


@pytest.fixture
def symbols() -> SymbolMap:
    """One image with all of them, 16 bytes each from 0x1000 on."""
    return SymbolMap((Placed("shim", _image(), 0x1000),))


def _image() -> Image:
    rows = tuple(Sym(name, 16 * at, 16) for at, name in enumerate(NAMES))
    return image(Load(0, bytes(16 * len(NAMES))), symbols=rows)


def test_an_image_s_own_crate_goes_without_saying(symbols: SymbolMap) -> None:
    assert symbols.name(0x1000) == "shim_main"
    assert symbols.name(0x1013) == "host_params::dt::topology_from_host_dt+0x3"
    assert symbols.name(0x1060) == "<core::fmt::Formatter>::pad"
    assert symbols.between(0x1070, 0x1090) == ((0x1070, "cmdline::many"), (0x1080, "memcpy"))


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("shim_main", 0x1000),
        ("openhcl_boot::shim_main", 0x1000),
        (MAIN, 0x1000),
        ("topology_from_host_dt", 0x1010),
        ("dt::topology_from_host_dt", 0x1010),
        ("dt::parse", 0x1020),
        ("shim:cmdline::parse", 0x1030),
        ("Baz::new", 0x1040),
        ("Baz::fmt", 0x1050),
        ("Formatter::pad", 0x1060),
        ("many", 0x1070),
        ("memcpy", 0x1080),
    ],
)
def test_a_function_is_found_by_its_last_parts(
    symbols: SymbolMap, typed: str, address: int
) -> None:
    assert symbols.find(typed) == [address]


def test_a_part_of_a_part_is_no_name(symbols: SymbolMap) -> None:
    assert (
        symbols.find("main") == symbols.find("t::parse") == symbols.find("kernel:parse") == []
    )


def test_what_may_be_several_is_none_and_they_are_listed(symbols: SymbolMap) -> None:
    assert symbols.find("parse") == []
    assert symbols.alike("parse") == ["cmdline::parse", "host_params::dt::parse"]
    assert symbols.alike("dt::parse") == []


def test_the_names_are_those_that_people_type(symbols: SymbolMap) -> None:
    names = symbols.names()
    assert "host_params::dt::Baz::new" in names and "shim:memcpy" in names
    assert not [name for name in names if "_RN" in name or "<" in name]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A machine that such an image boots on."""
    rows = tuple(Sym(name, 16 * at, 16) for at, name in enumerate(NAMES))
    place = tmp_path_factory.mktemp("rust") / "openhcl_boot"
    code = b"\x90" * (16 * len(NAMES) - 2) + b"\xeb\xfe"
    Path(place).write_bytes(elf(Load(0, code), symbols=rows))
    return open_session(str(place), platform="none", cpus=1)


def test_commands_take_and_say_paths(session: Session) -> None:
    assert "cmdline::parse" in session.do("break cmdline::parse").reply[0]
    assert "= 0x20" in session.do("print dt::parse - shim_main").reply[0]
    session.do("run")
    assert "cmdline::parse" in session.stop[0].text
    listed = session.do("symbols host_params").reply
    assert [row.split("  ")[1] for row in listed] == [
        "host_params::dt::topology_from_host_dt", "host_params::dt::parse",
        "host_params::dt::Baz::new", "host_params::dt::Baz::fmt",
    ]  # fmt: skip


def test_an_ambiguous_name_is_refused_with_a_list(session: Session) -> None:
    with pytest.raises(CommandError) as found:
        session.do("break parse")
    assert "several functions end so: cmdline::parse, host_params::dt::parse" in str(
        found.value
    )
