"""Every image of the gallery has its bug where its TOML says, and boots as far as it says."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from emu import open_session
from tests.shard import breadth

ROOT: Final = Path(__file__).parents[2]
SAMPLES: Final = ROOT / "samples"
IMAGES: Final = sorted(
    path.stem for path in (SAMPLES / "gallery").glob("*.elf") if "." not in path.stem
)
WORDS: Final = {"title", "failure", "reference", "symptom", "command", "platforms", "outcome"}
LABEL: Final = re.compile(r"^[.\w]+:")
BOUNDARY: Final = re.compile(r"^#(if|ifdef|ifndef|elif|else|endif)\b(.*)")


def entry(slug: str) -> dict[str, Any]:
    return tomllib.loads((SAMPLES / "gallery" / f"{slug}.toml").read_text())


def switch(slug: str) -> str:
    return f"BUG_{slug.replace('-', '_').upper()}"


def test_each_bug_of_the_sources_is_an_image() -> None:
    files = [path for path in (ROOT / "shim").rglob("*") if path.suffix in (".S", ".inc", ".c")]
    switches = {
        (path.suffix, name)
        for path in files
        for name in re.findall(r"\b(?:BUG|DIALECT)_\w+", path.read_text())
    }
    assert {suffix for suffix, _ in switches} == {".c"}, "the healthy assembly is plain"
    in_c = {slug for slug in IMAGES if (".c", switch(slug)) in switches}
    in_assembly = {path.stem for path in (ROOT / "shim" / "gallery").iterdir()}
    assert in_c | in_assembly == set(IMAGES)
    assert {name for _, name in switches if name.startswith("BUG")} == set(map(switch, in_c))


@pytest.mark.parametrize("slug", IMAGES)
def test_the_cause_is_in_the_broken_part_with_the_number_of_its_failure(slug: str) -> None:
    found = entry(slug)
    assert found.keys() >= WORDS
    name, number = found["finding"]["cause"].split(":")
    text = (ROOT / "shim" / name).read_text()
    line = text.splitlines()[int(number) - 1]
    if name == f"gallery/{slug}.inc":
        assert LABEL.match(line) or line.startswith("    "), line
    else:
        assert BOUNDARY.match(line), line
        assert switch(slug) in line
    assert re.search(rf"\b{found['failure']}\b", text)


@pytest.mark.parametrize("slug", breadth(IMAGES, keep=2))
def test_an_image_of_the_gallery_boots_as_its_entry_says(slug: str) -> None:
    found = entry(slug)
    word, image, option, platform = found["command"].split()
    assert (word, option) == ("run", "--platform")
    assert (ROOT / image).stem == slug
    machine = str(ROOT / platform) if platform.endswith(".toml") else platform
    session = open_session(str(ROOT / image), platform=machine, cpus=4)
    session.do(f"break {found['finding']['where']} cpu {found['finding']['cpu']}")
    stop = session.do("run").stop[0]
    assert (stop.kind, stop.cpu) == ("breakpoint", found["finding"]["cpu"])
    session.do("delete 1")
    assert session.do("run").outcome == found["outcome"]


@pytest.mark.parametrize("name", ["edk2", "openhcl", "td-shim"])
def test_the_kernel_boots_with_another_firmware_s_mailbox_loop(name: str) -> None:
    image = SAMPLES / "dialects" / f"{name}.elf"
    view = open_session(str(image), platform="tdx", cpus=4).do("run")
    assert view.outcome == "booted"
    assert ("offline" in view.serial) == (name == "edk2")  # the others take no CPU back
