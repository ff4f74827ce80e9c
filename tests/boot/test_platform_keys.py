"""A new platform's file says every key, and is the platform that it was made of."""

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from emu.boot.platform import platform_of, platform_text
from emu.boot.platform_keys import MEANS
from emu.debug.platforms import new_platform
from emu.errors import ApdbgError
from emu.given.toml import table_of
from tui.__main__ import main

PACKAGED = ("linux", "mailbox-only", "none", "sipi", "tdx", "vbs")
STRANGE = """
isolation = "none"
start = "hypercall"
hyperv = true
dialect = "edk2"
[cpus]
count = 3
apic_ids = [0, 0x10, 7]
speeds = [1, 0.5]
[td]
vp_init = 0xFFFFFFFFFFFFFFFF
[loop]
registers = { rbx = "mailbox", r9 = 3 }
entry = 'a "quoted" \\ name'
[roles]
parked = ["poll", 0x8000]
"""


@pytest.mark.parametrize("name", PACKAGED)
def test_it_parses_back_to_the_same_platform(name: str) -> None:
    own = platform_of(platform_text(name), Path(f"{name}.toml"))
    made = platform_of(new_platform(name, "mine"), Path("other.toml"))
    assert made == replace(own, name="mine")


def test_values_of_every_form_come_back(tmp_path: Path) -> None:
    source = tmp_path / "strange.toml"
    source.write_text(STRANGE)
    made = platform_of(new_platform(str(source), "mine"), Path("other.toml"))
    assert made == replace(platform_of(STRANGE, source), name="mine")


def test_what_is_written_as_a_comment_is_what_holds_without_it() -> None:
    text = new_platform("none", "mine")
    comments = re.compile(r"^# (?=[\w-]+ = )(?!.*# for example)", re.MULTILINE)
    uncommented = comments.sub("", text)
    assert uncommented != text
    assert platform_of(uncommented, Path("x")) == platform_of(text, Path("x"))


def test_an_example_may_be_taken_as_it_is() -> None:
    text = _uncommented(new_platform("none", "mine"))
    tables = table_of(text, "x")
    found = {key for key in MEANS if "." not in key} - tables.keys()
    found |= {
        key
        for key in MEANS
        if "." in key and key.split(".")[1] not in tables[key.split(".")[0]]
    }
    assert not found, "every key has its line"
    text = text.replace('mode = "host"', 'mode = "vtl2"')  # in which sizes mean something
    text = re.sub(r"^unaccepted = .*$", "", text, flags=re.MULTILINE)  # a TD's alone
    body, _, where = text.partition("[topology]\n")
    assert platform_of(body, Path("x")).dialect == "edk2"
    own_ids = re.sub(r"^apic_ids = .*$", "", body, flags=re.MULTILINE)
    laid = platform_of(f"{own_ids}[topology]\n{where}", Path("x"))
    assert laid.topology is not None, "it makes the APIC ids itself"
    assert [one.name for one in laid.topology.types] == ["big", "little"]


def _uncommented(text: str) -> str:
    """All that is a comment is in force."""
    return re.sub(r"^# (?=\[|[\w-]+ = )", "", text, flags=re.MULTILINE)


def test_every_key_has_its_line_of_explanation() -> None:
    lines = new_platform("tdx", "mine").splitlines()
    assert all(f"## {words}" in lines for words in MEANS.values())


def test_a_file_that_is_there_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["platform", "new", "mine", "--from", "sipi"]) == 0
    before = Path("mine.toml").read_text()
    assert platform_of(before, Path("mine.toml")).start == "sipi"
    capsys.readouterr()
    assert main(["platform", "new", "mine.toml"]) == 2
    assert "mine.toml: is there already" in capsys.readouterr().err
    assert Path("mine.toml").read_text() == before
    assert main(["platform", "new"]) == 0
    assert 'name = "mine"' in capsys.readouterr().out


@pytest.mark.parametrize(("source", "name"), [("nothing", "x"), ("tdx", "a\nb")])
def test_what_cannot_be_is_one_sentence(source: str, name: str) -> None:
    with pytest.raises(ApdbgError) as told:
        new_platform(source, name)
    assert "\n" not in str(told.value)
