"""Every kind of input that is fuzzed: where it begins, how it is changed, who is given it."""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

from msgspec import Struct

from emu import open_session
from emu.boot.dtb import MAGIC
from emu.debug.setup import Options, Setup
from shim.igvm import SNP, TDX, VBS
from tests.boot.elf import Load, Sym, elf
from tests.fuzz import doors, elves, igvms, linuxes, odd, texts, travel, trees, words
from tests.fuzz.case import Case, Edit, edited
from tests.igvm.builder import of_everything, of_pages
from tests.igvm.test_dll import dll

ROOT: Final = Path(__file__).parents[2]
SAMPLES: Final = ROOT / "samples"
FILES: Final = 10_000
"""Of each kind in a whole run."""
COMMANDS: Final = 20_000
PROGRAMS: Final = 2_000
PER_SESSION: Final = 20
"""Commands in one case."""
_INJECTED: Final = re.compile(rb'inject = "([^"\n]*)"')
Seeds = dict[str, bytes]
Edits = Callable[[Random, bytes, tuple[bytes, ...]], tuple[Edit, ...]]


class Kind(Struct, frozen=True):
    """One kind."""

    name: str
    seeds: Callable[[], Seeds]
    edits: Edits
    door: doors.Door
    seal: Callable[[bytes], bytes] = bytes
    """Bytes of a case to those of the file: what check sums follow from them."""
    cases: int = FILES
    a_day: int = 40
    """Of them, in the tests of one day."""
    bounded: bool = True
    """Whether all of a case is to be over within the bound; else each of its commands is."""

    def case(self, seed: int, number: int) -> Case:
        """One case, the same whenever it is asked for."""
        draw = Random(f"{self.name} {seed} {number}")
        seeds = self.seeds()
        name = draw.choice(sorted(seeds))
        others = tuple(seeds.values())
        return Case(name, self.edits(draw, seeds[name], others), draw.getrandbits(32))

    def data(self, case: Case) -> bytes:
        """The bytes of a case's file."""
        return self.seal(edited(self.seeds()[case.seed], case.edits))

    def enter(self, case: Case, folder: Path) -> None:
        """Give a case to the program; whatever this raises but an ApdbgError is a failure."""
        self.door(self.data(case), Random(case.choice), folder)


@cache
def _images() -> Seeds:
    tiny = elf(Load(0), Load(0x2000, b"x" * 40, memory=0x3000, flags=6),
               symbols=(Sym("_start", 0, 8), Sym("data", 0x2000, 4)))  # fmt: skip
    named = {name: (SAMPLES / f"{name}.elf").read_bytes() for name in ("shim", "reset")}
    return {"tiny": tiny, **named}


@cache
def _kernels() -> Seeds:
    return {"kernel": (SAMPLES / "kernel.elf").read_bytes(), "tiny": _images()["tiny"]}


@cache
def _loops() -> Seeds:
    """With what is left of a file that is no ELF file any more: bytes."""
    whole = {one.stem: one.read_bytes() for one in sorted((SAMPLES / "loops").glob("*.elf"))}
    return {**whole, "bare": whole["one-load"][0x1000:0x1100]}


def _loop(draw: Random, data: bytes, others: tuple[bytes, ...]) -> tuple[Edit, ...]:
    edits = elves.edits if data[:4] == b"\x7fELF" else _blindly
    return edits(draw, data, others)


@cache
def _multiboots() -> Seeds:
    return {"kernel": (SAMPLES / "multiboot/kernel.elf").read_bytes()}


@cache
def _igvms() -> Seeds:
    """The samples, one in a DLL, and small ones with every kind of header."""
    whole = {one.stem: one.read_bytes() for one in sorted(SAMPLES.glob("*.igvm"))}
    small = {f"of {kind}": of_pages(kind).bytes() for kind in (TDX, VBS, SNP)}
    return {**whole, **small, "all": of_everything(), "dll": dll(of_everything())}


@cache
def _initrds() -> Seeds:
    return {
        "cpio": b"070701" + b"0" * 104 + b"TRAILER!!!\0\0\0\0" * 20,
        "empty": b"",
        "elf": _images()["tiny"],
    }


@cache
def _trees() -> Seeds:
    found = {}
    for name in ("tdx", "vbs"):
        for cpus in (1, 2):
            chunks = Setup.of(Options(platform=name, cpus=cpus)).layout().chunks
            wanted = MAGIC.to_bytes(4, "big")
            found[f"{name} {cpus}"] = next(d for _, d in chunks if d.startswith(wanted))
    return found


@cache
def _platforms() -> Seeds:
    found = {p.stem: p.read_bytes() for p in sorted((SAMPLES / "platforms").glob("*.toml"))}
    more = b'[roles]\nparked = ["mailbox_wait", 0x8400000]\nos-entry = "kernel_start"\n'
    sparse = b"\n[memory]\nlow_kib = 640\nmib = 64\n"
    return {**found, "roles": found["tdx"] + more, "ids": found["none"].replace(
        b"{ stride = 1 }", b"[0, 7, 300, 70000]") + sparse}  # fmt: skip


def _keymaps() -> Seeds:
    return {
        "whole": b'preset = "windbg"\n\n[keys]\nstep = "f11, t"\n'
        b'"reverse.step" = "shift+f11"\nquit = "Q"\n',
        "vim": b'preset = "vim"\n[keys]\nrun = "c"\ngoto = "g"\n"quit.now" = "ctrl+q"\n',
    }


@cache
def _campaigns() -> Seeds:
    text = (SAMPLES / "recovery.toml").read_bytes()
    cases = text.split(b"\n\n")
    return {f"cases {at}": b"\n\n".join(cases[at : at + 3]) for at in range(0, len(cases), 3)}


@cache
def _recordings() -> Seeds:
    import tempfile

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, cpus in (("none", 2), ("tdx", 1)):
            session = open_session(platform=name, cpus=cpus)
            for text in (
                "run 100",
                "mark here",
                "set cpu0:rax=5",
                "hold 0",
                "run 50",
                "release 0",
                "inject nmi 0",
                "run 2_000",
                f"save {folder}/one",
            ):
                session.do(text)
            raw = Path(folder, "one").read_bytes().splitlines()
            lines = [line[9:] for line in raw]
            lines.append(
                json.dumps({"kind": "branch", "name": "b", "tick": 120, "entries": 1}).encode()
            )
            found[name] = b"\n".join(lines)
    return found


@cache
def _scripts() -> Seeds:
    return {p.stem: p.read_bytes() for p in sorted((SAMPLES / "gallery").glob("*.script"))}


def _states() -> Seeds:
    whole = {
        "version": 1, "moves": {"log": "main"}, "shown": {"main": "code"},
        "theme": "textual-dark",         "history": ["run", "break mailbox_wait"],
        "breakpoints": ["break mailbox_wait", "watch mailbox.command", "catch tdcall"],
    }  # fmt: skip
    return {"whole": json.dumps(whole, indent=1).encode()}


def _lines(draw: Random, data: bytes, others: tuple[bytes, ...]) -> tuple[Edit, ...]:
    """Commands, each an edit of its own."""
    lines = (words.line(draw) for _ in range(PER_SESSION))
    return tuple(Edit(0, 0, one.encode("utf-8", "surrogatepass") + b"\n") for one in lines)


def _script(draw: Random, data: bytes, others: tuple[bytes, ...]) -> tuple[Edit, ...]:
    if draw.random() < 0.5:
        return texts.edits(draw, data, others)
    new = words.line(draw).encode("utf-8", "surrogatepass") + b"\n"
    return (*texts.edits(draw, data, others), Edit(0, 0, new))


def _campaign(draw: Random, data: bytes, others: tuple[bytes, ...]) -> tuple[Edit, ...]:
    """Every second one injects something else, and all else is as it was."""
    found = list(_INJECTED.finditer(data))
    if not found or draw.random() < 0.5:
        return texts.edits(draw, data, others)
    one = draw.choice(found)
    new = words.injection(draw).replace("\\", "").replace('"', "")
    kept = "".join(c for c in new if c.isprintable()).encode()
    return (Edit(one.start(1), one.end(1) - one.start(1), kept),)


def _nothing() -> Seeds:
    return {"": b""}


def _blindly(draw: Random, data: bytes, others: tuple[bytes, ...]) -> tuple[Edit, ...]:
    return tuple(odd.blind(draw, data, others) for _ in range(draw.choice((1, 2, 5))))


KINDS: Final[dict[str, Kind]] = {
    one.name: one
    for one in (
        Kind("image", _images, elves.edits, doors.image, a_day=300),
        # What a changed kernel does is its own: to open it and each stretch of it is bounded.
        Kind("kernel", _kernels, elves.edits, doors.kernel, bounded=False, a_day=300),
        Kind("loop", _loops, _loop, doors.loop, bounded=False, a_day=150),
        Kind("multiboot", _multiboots, _blindly, doors.multiboot, bounded=False, a_day=150),
        Kind("igvm", _igvms, igvms.edits, doors.igvm, igvms.sealed, bounded=False, a_day=200),
        Kind(
            "bzimage",
            cache(linuxes.bzimages),
            linuxes.edits,
            doors.linux,
            linuxes.sealed,
            bounded=False,
            a_day=150,
        ),
        Kind(
            "vmlinux",
            cache(linuxes.kernels),
            elves.edits,
            doors.linux,
            bounded=False,
            a_day=150,
        ),
        Kind("flat", cache(linuxes.flats), elves.edits, doors.flat, bounded=False, a_day=150),
        Kind("initrd", _initrds, _blindly, doors.initrd, a_day=150),
        Kind("tree", _trees, trees.edits, doors.tree, a_day=200),
        Kind("platform", _platforms, texts.edits, doors.platform, a_day=500),
        Kind("keymap", _keymaps, texts.edits, doors.keys_file, a_day=500),
        Kind("campaign", _campaigns, _campaign, doors.campaign, a_day=400),
        Kind("recording", _recordings, texts.edits, doors.recorded, doors.sealed, a_day=120),
        Kind("script", _scripts, _script, doors.scripted, bounded=False, a_day=120),
        Kind("state", _states, texts.edits, doors.kept, a_day=160),
        Kind(
            "travel",
            _nothing,
            travel.lines,
            travel.travelled,
            cases=PROGRAMS,
            a_day=150,
            bounded=False,
        ),
        Kind(
            "commands",
            _nothing,
            _lines,
            doors.commands,
            cases=COMMANDS // PER_SESSION,
            a_day=40,
            bounded=False,
        ),
    )
}
