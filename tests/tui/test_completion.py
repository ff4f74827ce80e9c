"""What Tab offers behind `apdbg`, asked of the shells themselves. Whatever it offers is what
`--help` lists and what lies in the folder of samples."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from emu.boot.samples import place_of
from emu.debug import named
from tests.house.tree import ROOT
from tests.test_command_line import apdbg
from tui import completion
from tui.command_line import COMMANDS

SAMPLES = ROOT / "samples"
GALLERY = {f"gallery/{place.stem}" for place in SAMPLES.glob("gallery/*.toml")} - {
    "gallery/sparse-ids"  # no image: a platform
}
PLATFORMS = {place.stem for place in SAMPLES.glob("platforms/*.toml")}
BASH, ZSH, FISH = (shutil.which(one) for one in ("bash", "zsh", "fish"))
BASH_ASKS = """\
{script}
COMP_WORDS=({words}) COMP_CWORD={last}
_apdbg
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH_ASKS = """\
compdef() {{ :; }}
compadd() {{ shift; print -l -- ${{(P)1}} }}
_describe() {{ print -l -- ${{(P)@[-1]}} | sed 's/:.*//' }}
_files() {{ :; }}
{script}
words=({words}) CURRENT={count} PREFIX=${{words[-1]}}
_apdbg
"""


def shell(program: str | None, text: str, cwd: Path = ROOT) -> set[str]:
    """What a shell prints for a text; skips where it is not here."""
    if program is None:
        pytest.skip("this shell is not here")
    done = subprocess.run(
        [program, "-c", text], capture_output=True, text=True, timeout=60, cwd=cwd
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return set(done.stdout.split("\n")) - {""}


def bash(*words: str) -> set[str]:
    """What bash completes the last of these words to."""
    typed = " ".join(map(shlex.quote, ("apdbg", *words)))
    script = completion.script("bash")
    return shell(BASH, BASH_ASKS.format(script=script, words=typed, last=len(words)))


def zsh(*words: str) -> set[str]:
    """What zsh offers there; it narrows that down by itself."""
    typed = " ".join(map(shlex.quote, ("apdbg", *words)))
    script = completion.script("zsh")
    text = ZSH_ASKS.format(script=script, words=typed, count=len(words) + 1)
    return {one for one in shell(ZSH, text) if one.startswith(words[-1])}


def fish(*words: str) -> set[str]:
    """What fish completes it to, without what it says of each; files of the folder too."""
    line = shlex.quote(" ".join(("apdbg", *words)))
    text = f"{completion.script('fish')}\ncomplete -C {line}"
    return {one.partition("\t")[0] for one in shell(FISH, text, SAMPLES / "platforms")}


ASKED = pytest.mark.parametrize("ask", [bash, zsh, fish], ids=lambda ask: ask.__name__)


@ASKED
def test_the_first_word_is_a_command_or_an_image(ask: Callable[..., set[str]]) -> None:
    assert set(COMMANDS) | GALLERY <= ask("")
    assert ask("dia") == {"dialects/edk2", "dialects/openhcl", "dialects/td-shim"}
    assert ask("camp") == {"campaign"}


@ASKED
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_option_that_help_lists_is_offered(
    command: str, ask: Callable[..., set[str]]
) -> None:
    before = [command] if command else []
    rows = re.findall(r"^  (-.*?)(?:  |$)", apdbg(*before, "--help").stdout, re.M)
    listed = [one for row in rows for one in re.findall(r"(?<![\w-])--[\w-]+", row)]
    assert "--help" in listed
    assert {one for one in ask(*before, "--") if one.startswith("--")} == set(listed)


@ASKED
def test_values_are_offered_behind_their_options(ask: Callable[..., set[str]]) -> None:
    assert ask("run", "--platform", "") - {f"{one}.toml" for one in PLATFORMS} == PLATFORMS
    assert ask("--platform", "t") - {"tdx.toml"} == {"tdx"}
    assert ask("run", "--expect", "h") == {"hung"}
    assert ask("run", "--inject", "late-s") == {"late-start", "late-stores"}
    assert ask("replay", "--keys", "v") - {"vbs.toml"} == {"vim"}
    assert ask("replay", "d") == {"demo"}
    assert ask("completion", "") == {"bash", "zsh", "fish"}
    assert ask("run", "--script", "gallery/c") == {"gallery/command-then-id"}
    assert ask("run", "--cpus", "") == set()
    assert ask("run", "gallery/no-a") == {"gallery/no-ack"}


def test_a_value_behind_an_equals_sign_is_completed_as_bash_splits_it() -> None:
    assert bash("run", "--platform", "=", "v") == {"vbs"}
    assert bash("run", "--platform", "=") == PLATFORMS


def test_files_come_where_no_name_begins_so_and_files_are_taken() -> None:
    script = completion.script("bash").replace("complete -o", ": complete -o")
    asked = 'compopt() { echo "no files"; }\n'
    for words, taken in ((("--kernel", ""), True), (("--cpus", ""), False)):
        typed = BASH_ASKS.format(script=script, words=f"apdbg {words[0]} ''", last=2)
        assert (shell(BASH, asked + typed) == set()) == taken


def test_a_command_prints_the_script_and_an_unknown_shell_is_one_sentence() -> None:
    done = apdbg("completion", "fish")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == completion.script("fish")
    done = apdbg("completion", "tcsh")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "invalid choice: 'tcsh'" in done.stderr


def test_every_image_that_is_offered_is_there_wherever_one_is() -> None:
    for kind, suffix in (("image", ".elf"), ("recording", ".apdbg"), ("script", ".script")):
        assert named.names(kind)
        assert all(place_of(one, suffix).is_file() for one in named.names(kind))
