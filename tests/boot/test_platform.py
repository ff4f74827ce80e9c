"""Platform files say everything about a machine, and every mistake in one is named."""

from pathlib import Path

import pytest

from emu.boot.platform import CPUS_MAX
from emu.boot.samples import samples_dir
from emu.errors import PlatformError
from tests.platforms import load_platform

PACKAGED = ("linux", "mailbox-only", "none", "sipi", "tdx", "vbs")
DIALECTS = "acpi, openhcl, td-shim, edk2, td-shim-early, edk2-early"
LEAST = 'isolation = "none"\nstart = "hypercall"\nhyperv = true\n'


def written(folder: Path, text: str) -> str:
    """A platform file with this text; the path of it."""
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def complaint(folder: Path, text: str) -> str:
    """What is said about a platform file, without the folder."""
    with pytest.raises(PlatformError) as error:
        load_platform(written(folder, text))
    assert "\n" not in str(error.value)
    return str(error.value).replace(f"{folder}/", "")


def test_the_packaged_platforms_are_these_six() -> None:
    found = sorted(path.stem for path in (samples_dir() / "platforms").glob("*.toml"))
    assert tuple(found) == PACKAGED


def test_hyperv_and_the_hypervisor_say_the_same(tmp_path: Path) -> None:
    bare = LEAST.replace("hyperv = true", "hyperv = false")
    assert load_platform(written(tmp_path, bare + 'hypervisor = "kvm"\n')).kvm
    assert not load_platform(written(tmp_path, bare + 'hypervisor = "none"\n')).kvm
    assert not load_platform(written(tmp_path, LEAST + 'hypervisor = "hyperv"\n')).kvm
    said = complaint(tmp_path, LEAST + 'hypervisor = "kvm"\n')
    assert said == "mine.toml: hypervisor must be one of hyperv with hyperv = true, got 'kvm'"


@pytest.mark.parametrize("name", PACKAGED)
def test_a_packaged_platform_has_its_own_name_and_four_cpus(name: str) -> None:
    platform = load_platform(name)
    assert (platform.name, platform.cpus, platform.apic_ids) == (name, 4, (0, 1, 2, 3))
    assert platform.tsc_hz == 2_000_000_000
    assert platform.costs.instructions_per_ns == 2.0


def test_the_ways_to_start_differ_as_their_names_say() -> None:
    found = [load_platform(name) for name in PACKAGED]
    assert {p.name: (p.isolation, p.start, p.hyperv, p.low_memory_bytes) for p in found} == {
        "linux": ("none", "sipi", True, 0),
        "mailbox-only": ("none", "hypercall", False, 0),
        "none": ("none", "hypercall", True, 0),
        "sipi": ("none", "sipi", False, 640 << 10),
        "tdx": ("tdx", "reset-vector", True, 0),
        "vbs": ("vbs", "hypercall", True, 0),
    }  # fmt: skip


def test_three_keys_are_enough(tmp_path: Path) -> None:
    platform = load_platform(written(tmp_path, LEAST))
    assert (platform.name, platform.cpus, platform.speeds) == ("mine", 4, (1.0,) * 4)
    assert platform.costs.instructions_per_ns == 2.0
    assert platform.accept_level == "2M"
    assert platform.clocks_apart_ns == 1_000


@pytest.mark.parametrize(("cpus", "mib"), [(1, 64), (512, 64), (513, 192), (CPUS_MAX, 192)])
def test_memory_grows_with_the_number_of_cpus(cpus: int, mib: int) -> None:
    platform = load_platform("tdx", cpus=cpus)
    assert platform.cpus == cpus
    assert platform.memory_bytes == mib << 20


def test_the_options_win_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, f"{LEAST}[cpus]\ncount = 2\n[memory]\nmib = 32\n")
    assert load_platform(path).memory_bytes == 32 << 20
    platform = load_platform(path, cpus=3, memory_mib=100)
    assert (platform.cpus, platform.memory_bytes) == (3, 100 << 20)


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ('"dense"', (0, 1, 2, 3)),
        ("{ stride = 2 }", (0, 2, 4, 6)),
        ("{ first = 256, stride = 64 }", (256, 320, 384, 448)),
        ("[0, 6]", (0, 6, 7, 8)),
        ("[7, 3, 1, 0, 99]", (7, 3, 1, 0)),
        ("[0, 0xfffffffd, 5, 6]", (0, 0xFFFFFFFD, 5, 6)),
    ],
)
def test_apic_ids_follow_the_pattern(
    tmp_path: Path, ids: str, expected: tuple[int, ...]
) -> None:
    path = written(tmp_path, f"{LEAST}[cpus]\napic_ids = {ids}\n")
    assert load_platform(path).apic_ids == expected


@pytest.mark.parametrize(
    ("keys", "cpus", "there", "possible"),
    [
        ("count = 2\npossible = 6\n", None, 2, 6),
        ("count = 2\npossible = 6\n", 4, 4, 6),
        ("count = 2\npossible = 6\n", 8, 8, 8),
        ("count = 2\n", None, 2, 2),
        ("count = 2_000\n", None, 2_000, 2_000),
    ],
)
def test_more_cpus_may_be_possible_than_are_there(
    tmp_path: Path, keys: str, cpus: int | None, there: int, possible: int
) -> None:
    found = load_platform(written(tmp_path, f"{LEAST}[cpus]\n{keys}"), cpus=cpus)
    assert (found.present, found.cpus, len(found.apic_ids)) == (there, possible, possible)


def test_speeds_repeat(tmp_path: Path) -> None:
    path = written(tmp_path, f"{LEAST}[cpus]\ncount = 5\nspeeds = [1, 0.5]\n")
    assert load_platform(path).speeds == (1.0, 0.5, 1.0, 0.5, 1.0)


WRONG = [
    ("", "mine.toml: hyperv must be true or false, got nothing"),
    ("colour = 1\n", "mine.toml: colour: there is no such key"),
    (f'{LEAST}dialect = "klingon"\n',
     f"mine.toml: dialect must be one of {DIALECTS}, got 'klingon'"),
    (f'{LEAST}dialect = ""\n',
     f"mine.toml: dialect must be one of {DIALECTS}, got ''"),
    (f"{LEAST}cpus = 4\n", "mine.toml: cpus must be a table"),
    (f"{LEAST}[cpus]\nid = 4\n", "mine.toml: cpus.id: there is no such key"),
    (f"{LEAST}[cpus]\ncount = 0\n",
     "mine.toml: cpus.count must be a whole number from 1 to 2,048, got 0"),
    (f"{LEAST}[cpus]\npossible = 3\n",
     "mine.toml: cpus.possible must be a whole number from 4 to 1,024, got 3"),
    (f"{LEAST}[cpus]\npossible = 1_025\n",
     "mine.toml: cpus.possible must be a whole number from 4 to 1,024, got 1025"),
    (f"{LEAST}[cpus]\ncount = true\n",
     "mine.toml: cpus.count must be a whole number from 1 to 2,048, got True"),
    (f"{LEAST}[cpus]\napic_ids = [0, 1, 1, 2]\n",
     "mine.toml: cpus.apic_ids must be unique, got [0, 1, 1, 2]"),
    (f"{LEAST}[cpus]\napic_ids = [-1]\n",
     "mine.toml: cpus.apic_ids must be ids from 0 to 0xfffffffd, got [-1]"),
    (f"{LEAST}[cpus]\napic_ids = [0xfffffffd]\n",
     "mine.toml: cpus.apic_ids must be ids from 0 to 0xfffffffd, got [4294967293]"),
    (f"{LEAST}[cpus]\napic_ids = {{ step = 2 }}\n",
     'mine.toml: cpus.apic_ids must be "dense", a list, or { first, stride }, '
     "got {'step': 2}"),
    (f"{LEAST}[cpus]\napic_ids = {{ stride = 0 }}\n",
     "mine.toml: cpus.apic_ids must be unique, got {'stride': 0}"),
    (f"{LEAST}[cpus]\nspeeds = [1.0, 0]\n",
     "mine.toml: cpus.speeds must be numbers from 0.01 to 100, got [1.0, 0]"),
    (f"{LEAST}[cpus]\nspeeds = [nan]\n",
     "mine.toml: cpus.speeds must be numbers from 0.01 to 100, got [nan]"),
    (f"{LEAST}[memory]\nbase = 4096\n",
     "mine.toml: memory.base must be a multiple of 2 MiB, got 4096"),
    (f"{LEAST}[memory]\nmib = 3\n",
     "mine.toml: memory.mib: an even number of MiB up to 3,072, got 3"),
    (f"{LEAST}[memory]\nbase = 0x80000000\nmib = 3072\n",
     "mine.toml: memory.mib: 3,072 MiB from 0x80000000 reach beyond 0xfec00000"),
    (f"{LEAST}[time]\nio_ns = 1.5\n",
     "mine.toml: time.io_ns must be a whole number from 0 to 1,000,000,000,000, got 1.5"),
    (f"{LEAST}[time]\ninstructions_per_ns = inf\n",
     "mine.toml: time.instructions_per_ns must be from 0.001 to 100, got inf"),
    (f"name = 7\n{LEAST}", "mine.toml: name must be one line of text, got 7"),
    (LEAST.replace('"none"', '"sgx"'),
     "mine.toml: isolation must be one of none, vbs, tdx, snp, got 'sgx'"),
    (LEAST.replace('"none"', '"snp"').replace('"hypercall"', '"sipi"'),
     "mine.toml: start must be hypercall where isolation is snp, got 'sipi'"),
    (LEAST.replace('"hypercall"', "[]"),
     "mine.toml: start must be one of hypercall, reset-vector, sipi, got []"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_a_wrong_file_is_told_with_its_key(tmp_path: Path, text: str, expected: str) -> None:
    assert complaint(tmp_path, text) == expected


@pytest.mark.parametrize("text", ["[", "x = " + "[" * 5000, "a = 1\na = 2\n", "\0"])
def test_what_is_no_toml_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    assert complaint(tmp_path, text).startswith("mine.toml: is no TOML: ")


def test_bytes_that_are_no_text_are_no_toml(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlatformError, match="is no TOML"):
        load_platform(str(path))


@pytest.mark.parametrize("cpus", [0, -1, CPUS_MAX + 1])
def test_cpus_outside_the_bounds_are_refused(cpus: int) -> None:
    with pytest.raises(PlatformError, match=r"^--cpus: 1 to 2,048, got"):
        load_platform("tdx", cpus=cpus)


@pytest.mark.parametrize("mib", [-2, 7, 4096])
def test_memory_outside_the_bounds_is_refused(mib: int) -> None:
    with pytest.raises(PlatformError, match=r"^--memory: an even number of MiB up to 3,072"):
        load_platform("tdx", memory_mib=mib)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        PlatformError, match="none of that name: linux, mailbox-only, none, sipi, tdx, vbs"
    ):
        load_platform("snp")


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="cannot be read: No such file"):
        load_platform(str(tmp_path / "gone.toml"))
    with pytest.raises(PlatformError, match="is a directory"):
        load_platform(f"{tmp_path}/")


def test_what_a_td_was_configured_with(tmp_path: Path) -> None:
    text = LEAST + "[td]\nvp_init = 0x1000\npage_release = true\n"
    platform = load_platform(written(tmp_path, text))
    assert (platform.vp_init, platform.page_release) == (0x1000, True)
    usual = load_platform("tdx")
    assert (usual.vp_init, usual.page_release) == (0, False)


@pytest.mark.parametrize(
    ("line", "what"),
    [("vp_init = -1", "td.vp_init must be a whole number"),
     ("page_release = 1", "td.page_release must be true or false"),
     ("gpaw = 52", "td.gpaw: there is no such key")],
)  # fmt: skip
def test_a_slip_in_it_is_named(tmp_path: Path, line: str, what: str) -> None:
    assert what in complaint(tmp_path, f"{LEAST}[td]\n{line}\n")
