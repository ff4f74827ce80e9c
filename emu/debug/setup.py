"""What a session was asked to boot: files read once, so that a reset starts the same again."""

from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from emu.boot.ap_loop import ApLoop, LoopMode, address_and_file, loaded, loop_image
from emu.boot.contracts import contract_of, load, load_names, mailbox_loop
from emu.boot.contracts.contract import Contract, Loaded
from emu.boot.image import Image, load_image
from emu.boot.layout import BootLayout
from emu.boot.platform import Platform, platform_of, platform_text
from emu.boot.reset_page import load_reset_page
from emu.boot.samples import place_of, samples_dir
from emu.boot.sources import SourceMap
from emu.errors import ImageError, PlatformError
from emu.given.files import read_file
from emu.given.plain import plain
from emu.machine.machine import Machine

_NOT_SAID: Final = (None, "", ())
"""What options are that nobody gave."""
INITRD_MAX: Final = 512 << 20
PERSISTED_MAX: Final = 16 << 20
_TAKEN: Final = (
    "kernel", "initrd", "cmdline", "host_dtb", "symbols", "sidecar", "reset", "persisted",
    "igvm_base", "cpus", "possible", "memory",
)  # fmt: skip
"""Options that not every image has a use for."""
MAX_TICKS: Final = 20_000_000_000
"""Without --max-ticks a run that neither ends nor hangs is stopped here: many minutes."""


class Options(Struct, frozen=True):
    """The words of the command line that say what to boot."""

    image: str | None = None
    platform: str = ""
    """Empty: what the image's family is booted on; a `Setup`'s names it."""
    cpus: int | None = None
    memory: int | None = None
    seed: int = 0
    kernel: str | None = None
    initrd: str | None = None
    cmdline: str = ""
    host_dtb: str | None = None
    max_ticks: int | None = None
    rules: bool = True
    """Whether the machine notes what the rules of the protocol look at."""
    watchdog: int = 0
    """Instructions without progress after which a boot counts as hung; 0: never."""
    symbols: tuple[str, ...] = ()
    """Files with names of what lies in the image: ELF, a kernel, or a System.map."""
    same_faults: int = 0
    """The same faults, with nothing else between, after which it does; 0: never."""
    ap_loop: str | None = None
    """Instead of an image: a file with somebody's mailbox loop, in which the APs begin."""
    at: int | None = None
    """Where the loop is to lie; this and the next four as in `emu.boot.ap_loop`."""
    mailbox: int | None = None
    loop_mode: LoopMode | None = None
    loop_entry: str = ""
    loop_reset: str = ""
    sidecar: str | None = None
    """An ELF file: the kernel of CPUs that the OS does not take."""
    reset: str | None = None
    """The reset page, an ELF file or bare bytes, instead of the image's own or the sample's."""
    persisted: str | None = None
    """What an earlier run has kept for this one."""
    igvm_base: int | None = None
    """Where the region of an IGVM file that may move is to begin."""
    load: tuple[str, ...] = ()
    """ADDR=FILE: more bytes in memory; without `ap_loop` the first of them is the loop."""
    loop_plan: str = ""
    """What the built-in OS does with the CPUs that wait (`emu.boot.loop_plan`)."""
    possible: int | None = None
    """So many CPUs there may be; those above `cpus` are not there at power-on."""


class Setup(Struct, frozen=True):
    """Everything read and checked."""

    options: Options
    platform_text: str
    """The TOML that the platform was read from."""
    image: Image
    kernel: Image | None
    reset: Image | None
    platform: Platform
    seed: int
    initrd: bytes
    cmdline: str
    host_dtb: bytes | None
    max_ticks: int
    symbols: tuple[Image, ...] = ()
    sidecar: Image | None = None
    persisted: bytes = b""
    more: tuple[tuple[int, bytes], ...] = ()
    sources: tuple[SourceMap, ...] = ()
    """Where source lies: of the session, and of no recording."""

    @classmethod
    def of(
        cls, options: Options, platform: str = "", sources: tuple[SourceMap, ...] = ()
    ) -> "Setup":
        """Read all files, the platform's only if its text is not given; raises ApdbgError with
        one sentence that names the file."""
        options = _with_loop(options)
        place = place_of(options.image, ".elf") if options.image else None
        image = _image(options, place)
        contract = _contract(options, image)
        options = replace(
            options, platform=options.platform or contract.chosen(image) or contract.platform
        )
        text = platform or platform_text(options.platform)
        machine = platform_of(
            text, Path(options.platform), cpus=options.cpus, possible=options.possible,
            memory_mib=options.memory,
        )  # fmt: skip
        machine = contract.fitted(image, replace(machine, loop=_loop(options, machine.loop)))
        more = contract.hands_over
        takes = (
            contract.takes
            if contract.sized
            else (*contract.takes, "cpus", "possible", "memory")
        )
        for name in _TAKEN:
            if getattr(options, name) not in _NOT_SAID and name not in takes:
                word = name.replace("_", "-")
                raise ImageError(f"{image.path}: is {contract.words}: it takes no --{word}")
        if contract.names_beside is not None and not options.symbols:
            options = replace(options, symbols=contract.names_beside(image, machine))
        at_reset = contract.resets and machine.start == "reset-vector"
        if options.reset and not at_reset:
            raise ImageError(
                f"--reset {plain(options.reset)}: on platform {plain(machine.name)} no CPU "
                "begins at the reset vector"
            )
        return cls(
            options=options,
            platform_text=text,
            image=image,
            kernel=_kernel(options, machine, place) if more else None,
            reset=load_reset_page(options.reset or _beside(place, "reset"))
            if at_reset
            else None,
            platform=machine,
            seed=options.seed,
            initrd=_file(options.initrd, INITRD_MAX) or b"",
            cmdline=options.cmdline,
            host_dtb=_file(options.host_dtb, INITRD_MAX),
            max_ticks=options.max_ticks or MAX_TICKS,
            symbols=tuple(load_names(one) for one in options.symbols),
            sidecar=load_image(options.sidecar) if options.sidecar else None,
            persisted=_file(options.persisted, PERSISTED_MAX) or b"",
            more=loaded(machine.loop.load) if options.ap_loop is not None else (),
            sources=sources,
        )

    def layout(self) -> BootLayout:
        """Where everything lies before the first instruction."""
        found = _contract(self.options, self.image).lay_out(Loaded(
            self.image, self.kernel, self.reset, self.platform, self.initrd, self.cmdline,
            self.host_dtb, self.symbols, self.sidecar, self.persisted, self.seed,
            self.options.igvm_base, self.more,
        ))  # fmt: skip
        found.lines.look_in(self.sources)
        return found

    def machine(self) -> Machine:
        """The machine before its first instruction."""
        machine = Machine(self.platform, self.layout(), self.seed)
        machine.witness.on = self.options.rules
        return machine


def _image(options: Options, place: Path | None) -> Image:
    """What is to be booted."""
    if options.ap_loop is None:
        return load(place or samples_dir() / "shim.elf")
    if options.image:
        raise ImageError(
            f"--ap-loop {options.ap_loop}: its APs are woken by a kernel, so there is no place "
            f"for {options.image}: give it as --kernel"
        )
    return loop_image(options.ap_loop)


def _with_loop(options: Options) -> Options:
    """The first file that is put into memory is the loop, where there is no other."""
    if not options.load or options.ap_loop is not None:
        return options
    at, path = address_and_file(options.load[0])
    return replace(options, ap_loop=str(path), at=at, load=options.load[1:])


def _kernel(options: Options, machine: Platform, image: Path | None) -> Image:
    """Who is handed over to: with a plan for a loop, the OS that follows it."""
    if options.ap_loop is not None and machine.loop.plan:
        return load_image(options.kernel or samples_dir() / "os.elf")
    if machine.loop.plan:
        raise PlatformError(
            f"{plain(machine.name)}: has a plan for CPUs that wait in somebody's mailbox loop: "
            "--ap-loop FILE, or --load ADDR=FILE, gives one"
        )
    return load(options.kernel or _beside(image, "kernel"))


def _contract(options: Options, image: Image) -> Contract:
    """The contract by which it is booted."""
    return contract_of(image) if options.ap_loop is None else mailbox_loop.CONTRACT


def _loop(options: Options, given: ApLoop) -> ApLoop:
    """What the command line says of a loop, and the platform's file where it says nothing."""
    words = {
        "--at": options.at, "--mailbox": options.mailbox, "--loop-mode": options.loop_mode,
        "--loop-entry": options.loop_entry or None, "--loop-reset": options.loop_reset or None,
        "--loop-plan": options.loop_plan or None, "--load": options.load or None,
    }  # fmt: skip
    said = {word: value for word, value in words.items() if value is not None}
    if said and options.ap_loop is None:
        raise ImageError(f"{next(iter(said))}: there is no loop: --ap-loop FILE gives one")
    return replace(
        given, **{word.removeprefix("--").removeprefix("loop-"): v for word, v in said.items()}
    )


def _beside(image: Path | None, kind: str) -> Path:
    """`NAME.reset.elf` or `NAME.kernel.elf` beside `NAME.elf`; where there is none, the
    sample's."""
    samples = samples_dir()
    own = image.with_suffix(f".{kind}.elf") if image else samples
    return own if own.is_file() else samples / f"{kind}.elf"


def _file(path: str | None, most: int) -> bytes | None:
    """The bytes of an optional file."""
    return None if path is None else read_file(path, most, ImageError)
