"""Where a role's places come from: the platform's file, the family's table, the loader."""

from pathlib import Path
from typing import Final

import pytest

from emu.boot.image import Placed
from emu.boot.platform import platform_of
from emu.boot.roles import FAMILIES, ROLES, SAMPLE, GivenRoles, Roles, roles_of
from emu.boot.symbols import SymbolMap
from emu.errors import PlatformError
from tests.boot.elf import CODE, EXECUTABLE, NOTYPE, Load, Sym, image

BASE: Final = 0x40_0000
TEXT: Final = 'isolation = "none"\nstart = "sipi"\nhyperv = false\n[roles]\n'


def symbols(**places: int) -> SymbolMap:
    """An image with some symbols."""
    found = tuple(Sym(name, BASE + at, type=NOTYPE) for name, at in places.items())
    return SymbolMap(
        (Placed("one", image(Load(BASE, CODE), symbols=found, kind=EXECUTABLE), 0),)
    )


def roles(given: GivenRoles = (), os_entry: int | None = None, **places: int) -> Roles:
    """The roles of such an image."""
    return roles_of(symbols(**places), given, os_entry)


def given(text: str) -> GivenRoles:
    """The roles that a platform's file names."""
    return platform_of(TEXT + text, Path("some.toml")).roles


def test_the_family_of_the_sample_is_told_by_its_symbols() -> None:
    found = roles(mailbox_wait=0, kernel_start=1)
    assert found.of("parked") == found.of("own-stack") == (BASE,)
    assert found.of("os-entry") == (BASE + 1,)
    assert found.points[BASE].name == "mailbox_wait"


def test_a_shim_s_and_a_linux_kernel_s_places_are_known_together() -> None:
    above = 0xFFFF_FFFF_8000_0000
    found = roles(
        mailbox_wait=0, mailbox_page=1, cpu_startup_entry=above + 2, do_boot_cpu=above + 3,
        accept_memory=above + 4,
    )  # fmt: skip
    assert (found.of("parked"), found.of("online")) == ((BASE,), (BASE + above + 2,))
    assert found.first("mailbox") == BASE + 1
    assert found.points[BASE + above + 3].words == "starts a CPU"
    assert BASE + above + 4 not in found.points, "Linux has one of that name as well"
    assert not roles(cpu_startup_entry=2).places


def test_an_image_without_such_symbols_has_the_loader_s_entry_alone() -> None:
    assert roles(main=0).places == {}
    found = roles(os_entry=0x1234, main=0)
    assert found.places == {"os-entry": (0x1234,)}
    assert found.points[0x1234].name == "os-entry"


def test_the_platform_s_file_comes_first() -> None:
    found = roles(given('parked = ["poll", 0x1234]'), poll=2, mailbox_wait=0, kernel_start=1)
    assert found.of("parked") == (BASE + 2, 0x1234)
    assert found.of("own-stack") == (BASE,)
    assert found.of("os-entry") == (BASE + 1,)
    assert [found.points[at].name for at in found.of("parked")] == ["poll", "parked"]


def test_data_has_roles_too() -> None:
    assert roles(given("mailbox = 0x9000"), mailbox_page=0).first("mailbox") == 0x9000
    assert roles(mailbox_page=0, mailbox_wait=1).first("mailbox") == BASE
    assert roles(main=0).first("mailbox") is None


def test_places_at_one_address_are_one_point() -> None:
    found = roles(mailbox_ack=0, mailbox_jump=0, mailbox_wait=1)
    assert found.of("ack") == (BASE,)
    assert found.points[BASE].roles == ("ack",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("parks = 1", "some.toml: roles.parks: there is no such key"),
        ("parked = []", "some.toml: roles.parked must be symbols or addresses, got []"),
        ("parked = true", "some.toml: roles.parked must be symbols or addresses, got True"),
        ("parked = -1", "some.toml: roles.parked must be symbols or addresses, got -1"),
        ('parked = ["0xyz"]', "some.toml: roles.parked must be symbols or addresses"),
        ('parked = ""', "some.toml: roles.parked must be symbols or addresses, got ''"),
    ],
)
def test_a_wrong_role_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(PlatformError) as error:
        given(text)
    assert str(error.value).startswith(words)


def test_a_symbol_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(PlatformError, match=r"roles\.parked: no image has a symbol 'poll'"):
        roles(given('parked = "poll"'), main=0)


def test_every_role_but_those_that_are_seen_has_a_place_in_the_sample() -> None:
    assert {role for point in SAMPLE.points for role in point.roles} == set(ROLES)
    assert SAMPLE in FAMILIES
