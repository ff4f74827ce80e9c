"""`apdbg` as a user meets it: what it prints, where, and with which exit code."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from emu.errors import ApdbgError
from tests.gallery import RACES, Bug
from tests.shard import breadth
from tui.command_line import parse

ROOT = Path(__file__).parents[1]
FULL = Path("/dev/full")


def apdbg(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tui", *words],
        cwd=ROOT, text=True, capture_output=True, timeout=120, check=False, **options,  # type: ignore[call-overload]
    )  # fmt: skip


def test_json_is_one_object_and_nothing_else() -> None:
    done = apdbg("run", "samples/shim.elf", "--cpus", "2", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["schema"] == "apdbg-run/1"
    assert list(report) == [
        "schema", "image", "platform", "seed", "outcome", "reason", "ticks", "virtual_ns",
        "wall_s", "cpus", "milestones", "mailbox", "exits", "findings", "injections", "waits",
        "serial", "log", "digest", "evidence", "command", "command_note", "recording", "branch",
        "memory_mib", "schedule", "kernel", "looked_at", "versions",
        "rules",
    ]  # fmt: skip
    assert report["outcome"] == "booted"
    assert [cpu["state"] for cpu in report["cpus"]] == ["online", "online"]
    assert set(report["mailbox"][0]) == {"tick", "cpu", "field", "old", "new", "symbol"}
    assert len(report["image"]["sha256"]) == len(report["digest"]) == 64


def test_json_accounts_for_a_cpu_that_is_lost_and_the_exit_code_is_1() -> None:
    done = apdbg("run", "--cpus", "2", "--inject", "never-starts 1", "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert [cpu["fate"] for cpu in report["cpus"]] == ["well", "lost"]
    (lost,) = report["evidence"]
    assert list(lost) == [
        "state", "cpus", "sentence", "where", "last", "fault", "refused", "waits_for",
        "last_writer", "tick", "next",
    ]  # fmt: skip
    assert (lost["state"], lost["cpus"]) == ("lost", [1])
    assert lost["sentence"].startswith("cpu 1 is lost: given up by the firmware")


@pytest.mark.breadth
def test_the_same_run_twice_differs_in_wall_time_only() -> None:
    reports = [json.loads(apdbg("run", "--cpus", "4", "--json").stdout) for _ in range(2)]
    for report in reports:
        del report["wall_s"]
    assert reports[0] == reports[1]


@pytest.mark.breadth
def test_sparse_and_large_apic_ids(tmp_path: Path) -> None:
    text = (ROOT / "samples/platforms/tdx.toml").read_text()
    place = tmp_path / "sparse.toml"
    place.write_text(text.replace("{ stride = 1 }", "[0, 7, 300, 70000]"))
    report = json.loads(apdbg("run", "--platform", str(place), "--json").stdout)
    assert report["outcome"] == "booted"
    assert [cpu["apic_id"] for cpu in report["cpus"]] == [0, 7, 300, 70000]


def test_until_stops_and_says_where() -> None:
    done = apdbg("run", "--until", "mailbox_ack", "--cpus", "2")
    assert done.returncode == 0
    assert "stopped: cpu 1: reached mailbox_ack" in done.stdout


@pytest.mark.breadth
def test_an_outcome_that_was_not_expected_is_exit_code_1() -> None:
    assert apdbg("run", "--cpus", "1", "--expect", "degraded").returncode == 1
    assert apdbg("run", "--cpus", "1", "--max-ticks", "99").returncode == 1
    assert apdbg("run", "--cpus", "1", "--max-ticks", "99", "--expect", "limit").returncode == 0


@pytest.mark.breadth
def test_a_boot_with_a_finding_is_exit_code_1_and_says_what_was_found() -> None:
    image = "samples/gallery/truncated-vector.elf"
    done = apdbg("run", image, "--cpus", "2")
    assert done.returncode == 1
    assert done.stdout.endswith(
        "error whole-vector: cpu 1, tick 113,571, mailbox_ack at shim/mailbox_loop.inc:60: "
        "of the vector 0x8402a00 only 32 bits were read\n"
    )
    assert apdbg("run", image, "--cpus", "2", "--expect", "booted").returncode == 0
    (found,) = json.loads(apdbg("run", image, "--cpus", "2", "--json").stdout)["findings"]
    assert list(found) == [
        "rule", "severity", "cpu", "tick", "where", "text", "follows", "look_at",
        "consequences", "says", "source", "virtual_ns", "code", "registers",
    ]  # fmt: skip


@pytest.mark.breadth
def test_a_boot_with_hints_alone_is_exit_code_0_and_shows_them() -> None:
    done = apdbg("run", "samples/gallery/no-pause.elf", "--cpus", "2")
    assert done.returncode == 0
    assert "\nhint wait-pauses: cpu 1, tick " in done.stdout


@pytest.mark.parametrize("slug", RACES)
def test_one_command_shows_a_race_of_the_gallery(slug: str) -> None:
    bug = Bug.of(slug)
    done = apdbg(*bug.words)
    assert done.returncode == 1
    assert done.stdout.count("\n") and f"\n{bug.entry['outcome']}: " in done.stdout
    healthy = apdbg("run", "samples/shim.elf", *bug.words[2:])
    assert healthy.returncode == 0, healthy.stdout


def test_a_command_of_a_script_that_cannot_be_is_told_with_its_line(tmp_path: Path) -> None:
    place = tmp_path / "own.script"
    place.write_text("# what the host does\n\nrun 10\nhold 9\n")
    done = apdbg("run", "--script", str(place))
    assert done.returncode == 2
    assert done.stderr.startswith(f"apdbg: {place}:4: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    breadth(
        [
            (("run", "nowhere.elf"), "nowhere.elf: cannot be read: No such file or directory"),
            (("run", "README.md"), "README.md: is not an ELF file"),
            (("run", "samples"), "samples: is a directory"),
            (("run", sys.executable), "is dynamically linked"),
            (("run", "--cpus", "0"), "'0' must be above 0"),
            (("run", "--cpus", "4000"), "--cpus: 1 to 2,048, got 4,000"),
            (("run", "--cpus", "many"), "'many' is not a number"),
            (("run", "--platform", "moon"), "--platform moon: there is none of that name"),
            (("run", "--memory", "8"), "memory are not enough"),
            (("run", "--until", "nowhere"), "nowhere: no symbol, file:line or address"),
            (("run", "--initrd", "nowhere"), "nowhere: cannot be read"),
            (("run", "--script", "nowhere"), "nowhere: cannot be read"),
            (("run", "--fly"), "unrecognized arguments: --fly"),
            (("samples/shim.elf",), "the screen needs a terminal"),
        ],
        every=4,
        rows=True,
    ),
)
def test_bad_input_is_one_sentence_and_exit_code_2(words: tuple[str, ...], says: str) -> None:
    done = apdbg(*words, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full on this system")
def test_a_full_disk_is_one_sentence() -> None:
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tui", "run", "--cpus", "1"],
            cwd=ROOT, text=True, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, "apdbg: No space left on device\n")


@pytest.mark.breadth
def test_ctrl_c_is_one_sentence_and_exit_code_130() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", "run", "--cpus", "1024"],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=4)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (130, "", "apdbg: interrupted\n")


def test_version_and_doctor() -> None:
    assert apdbg("--version").stdout.startswith("apdbg ")
    done = apdbg("doctor")
    assert done.returncode == 0
    assert "instructions are counted exactly" in done.stdout


@pytest.mark.parametrize(
    ("streams", "code"),
    [
        (">/dev/full", 2), (">&-", 2), ("2>/dev/full", 2), ("2>&-", 2), ("2>/dev/full >&-", 2),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_exit_code_2(streams: str, code: int) -> None:
    words = "--help" if streams.startswith(">") else "run nosuch"
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m tui {words} {streams}"],
        cwd=ROOT, text=True, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


def test_a_terminal_that_knows_no_utf_8_is_written_to_all_the_same() -> None:
    done = apdbg("run", "--platform", "\u00fc", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
    assert done.stderr.startswith("apdbg: --platform \\xfc: there is none of that name")


def test_what_is_named_never_reaches_the_terminal_raw() -> None:
    done = apdbg("run", "--platform", "a\x1b]0;x\x07b")
    assert done.returncode == 2
    assert "\\x1b]0;x\\x07" in done.stderr and "\x1b" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--initrd", "/dev/zero"), ("run", "--host-dtb", "/dev/zero"),
        ("replay", "/dev/zero"), ("campaign", "--file", "/dev/zero"), ("run", "/dev/zero"),
        ("run", "--kernel", "/dev/zero"), ("run", "--platform", "/dev/zero"),
    ],
)  # fmt: skip
def test_a_device_is_no_file(words: tuple[str, ...]) -> None:
    done = apdbg(*words)
    assert (done.returncode, done.stderr) == (2, "apdbg: /dev/zero: is no file\n")


@pytest.mark.parametrize("option", ["--cpus", "--memory", "--seed", "--max-ticks"])
def test_thousands_of_digits_are_one_short_sentence(option: str) -> None:
    done = apdbg("run", option, "0x" + "f" * 5_000)
    assert done.returncode == 2
    assert len(done.stderr) < 200 and done.stderr.count("\n") == 1


PACKAGES = ("unicorn", "capstone", "msgspec", "fdt", "elftools", "platformdirs", "textual")


@pytest.mark.parametrize("package", breadth(PACKAGES, every=3))
def test_a_package_that_is_missing_is_named_and_no_bug(package: str) -> None:
    words = ["samples/shim.elf"] if package in ("textual", "platformdirs") else ["run"]
    program = (
        f"import sys; sys.modules[{package!r}] = None; sys.argv = ['apdbg', *{words!r}];"
        "from tui.__main__ import main; sys.exit(main())"
    )
    place = {**os.environ, "TEXTUAL_DRIVER": "x:y", "XDG_CACHE_HOME": "/dev/null"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, text=True, capture_output=True, timeout=60,
        env=place, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(f"apdbg: the package of {package}")
    assert done.stderr.endswith("is not installed: pip install apdbg brings it\n")


@pytest.mark.parametrize(
    ("words", "behind"),
    [
        (["run", ""], ""), ([""], ""), (["run", "--kernel", ""], " behind --kernel"),
        (["run", "--kernel="], " behind --kernel"), (["what-if", "--svg", ""], " behind --svg"),
        (["profile", "--secret", ""], " behind --secret"), (["compare", "", "demo.apdbg"], ""),
        (["profile", "-o", ""], " behind -o"),
        (["run", "--platform", ""], " behind --platform"),
    ],
)  # fmt: skip
def test_an_empty_word_is_refused_and_boots_no_sample_instead(
    words: list[str], behind: str
) -> None:
    with pytest.raises(ApdbgError, match=f"there is an empty word{behind}$"):
        parse(words)


def test_a_command_line_of_the_guest_may_be_empty() -> None:
    assert parse(["run", "--cmdline", ""]).cmdline == ""
    assert parse(["run", "--cmdline="]).cmdline == ""


def test_two_numbers_of_cpus_are_not_one() -> None:
    done = apdbg("run", "--cpus", "4,16")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "apdbg: apdbg run: argument --cpus: '4,16' is not a number\n"


def test_a_picture_that_was_interrupted_leaves_nothing_half_written(tmp_path: Path) -> None:
    picture = tmp_path / "ways.svg"
    picture.write_text("of before")
    words = ["what-if", "--cpus", "16", "--ends", "--svg", str(picture)]
    with subprocess.Popen(
        [sys.executable, "-m", "tui", *words], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        while len(list(tmp_path.iterdir())) < 2:  # the new one lies beside the old one
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "apdbg: interrupted\n")
    assert [one.name for one in tmp_path.iterdir()] == ["ways.svg"]
    assert picture.read_text() == "of before"


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["record", "FILE", "-o", "FILE"], "-o"), (["record", "FILE", "-o", "LINK"], "-o"),
        (["profile", "FILE", "-o", "FILE"], "-o"), (["report", "FILE", "-o", "FILE"], "-o"),
        (["FILE", "--record", "FILE"], "--record"),
        (["run", "FILE", "--keep", "FILE"], "--keep"),
        (["record", "--kernel", "FILE", "-o", "FILE"], "-o"),
        (["record", "--symbols", "FILE", "-o", "FILE"], "-o"),
        (["replay", "FILE", "--export", "FILE"], "--export"),
    ],
)  # fmt: skip
def test_nothing_is_written_over_what_is_read(
    tmp_path: Path, words: list[str], option: str
) -> None:
    file, link = tmp_path / "boot.elf", tmp_path / "link"
    file.write_bytes(b"precious")
    link.symlink_to(file)
    named = [one.replace("FILE", str(file)).replace("LINK", str(link)) for one in words]
    with pytest.raises(ApdbgError, match=f"^{option} .*: is read here, too$"):
        parse(named)
    assert file.read_bytes() == b"precious"


def test_what_an_earlier_run_has_kept_may_be_kept_anew(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(b"")
    assert parse(["run", "--persisted", str(kept), "--keep", str(kept)]).keep == str(kept)
