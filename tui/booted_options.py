"""The options that say what is booted, and how the words of any option are read."""

import argparse

from emu.given.number import parsed
from emu.given.plain import shown


def count(text: str) -> int:
    """A whole number above 0 with an optional `_` or `,` between digits, or 0x-hex."""
    value = _whole(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{shown(text)} must be above 0")
    return value


def amount(text: str) -> int:
    """A whole number, which may be 0, as `count` reads it."""
    value = _whole(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{shown(text)} is below 0")
    return value


def _whole(text: str) -> int:
    value = parsed(text)
    if value is None:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a number")
    return value


def seed(text: str) -> int:
    """A whole number of 64 bits, as `count` reads it."""
    value = parsed(text)
    if value is None or not 0 <= value < 1 << 64:
        raise argparse.ArgumentTypeError(f"{shown(text)} is no number from 0 to 2^64 - 1")
    return value


def group(parser: argparse.ArgumentParser, title: str) -> argparse._ArgumentGroup:
    """The group of options of that name, which `--help` shows together."""
    known = (one for one in parser._action_groups if one.title == title)
    return next(known, None) or parser.add_argument_group(title)


def address(text: str) -> int:
    """An address below 4 GiB, as `count` reads it."""
    value = parsed(text)
    if value is None or not 0 <= value < 1 << 32:
        raise argparse.ArgumentTypeError(f"{shown(text)} is no address below 4 GiB")
    return value


def machine_options(parser: argparse.ArgumentParser) -> None:
    """The image, the platform and what is changed of both."""
    add = group(parser, "what is booted").add_argument
    add(
        "image", nargs="?",
        help="ELF, Linux kernel, IGVM file, moment (.json), or a sample's name; default: the "
        "sample shim",
    )  # fmt: skip
    add(
        "--platform",
        default="",
        metavar="NAME|FILE",
        help="tdx, vbs, none, sipi, linux, mailbox-only, a file; default: what suits the image",
    )
    add("--cpus", type=count, metavar="N", help="1 to 2,048 CPUs")
    add(
        "--possible", type=count, metavar="N",
        help="up to 1,024 CPUs that may ever be there: `inject plug` brings those above --cpus",
    )  # fmt: skip
    add("--memory", type=count, metavar="MiB", help="guest memory")
    add("--seed", type=seed, default=0, metavar="N", help="default 0")
    add("--kernel", metavar="ELF", help="what the shim jumps to; default: the sample kernel")
    add("--initrd", metavar="FILE")
    add("--cmdline", default="", metavar="TEXT", help="the shim's command line")
    add("--host-dtb", metavar="FILE", help="the host's device tree instead of a generated one")
    paravisor_options(parser)
    add("--schedule", default="", metavar="RULE", help="timed, or random SEED")
    add(
        "--inject",
        action="append",
        default=[],
        metavar="SPEC",
        help="break something: KIND ... [at MOMENT]; may be given several times",
    )
    add(
        "--symbols",
        action="append",
        default=[],
        metavar="FILE",
        help="names and lines of a kernel or of what lies in an IGVM file: ELF, bzImage or "
        "System.map; may be given several times",
    )
    add(
        "--igvm-base", type=address, metavar="GPA",
        help="where an IGVM file that may move lies; default: where it says, if that is memory",
    )  # fmt: skip
    add("--max-ticks", type=count, metavar="N", help="stop after N instructions")


def paravisor_options(parser: argparse.ArgumentParser) -> None:
    """What a paravisor finds in memory besides."""
    add = group(parser, "what is booted").add_argument
    add("--sidecar", metavar="ELF", help="the kernel of CPUs that the OS does not take")
    add(
        "--reset", metavar="FILE",
        help="the page at a TD's reset vector, an ELF file or its 4,096 bytes; default: the "
        "sample's",
    )  # fmt: skip
    add("--persisted", metavar="FILE", help="what an earlier run has kept for this one")


def source_option(parser: argparse.ArgumentParser) -> None:
    """Where source lies."""
    group(parser, "what is told").add_argument(
        "--source", action="append", default=[], metavar="FROM=TO",
        help="source compiled below FROM lies in TO; may be given several times",
    )  # fmt: skip


def loop_options(parser: argparse.ArgumentParser) -> None:
    """Somebody's loop by itself."""
    add = parser.add_argument
    add(
        "--ap-loop", metavar="FILE",
        help="instead of an image: somebody's mailbox loop, an ELF file or bare bytes; a "
        "kernel wakes the APs that wait in it",
    )  # fmt: skip
    add("--at", type=address, metavar="GPA", help="where the loop lies")
    add("--mailbox", type=address, metavar="GPA", help="where its mailbox lies")
    add(
        "--loop-mode", "--mode", choices=("long", "protected", "real"),
        help="how APs come to it",
    )  # fmt: skip
    add(
        "--loop-entry", "--entry", default="", metavar="PLACE",
        help="where: a symbol or an offset in it",
    )  # fmt: skip
    add("--loop-reset", default="", metavar="PLACE", help="where it takes a CPU back, likewise")
    add(
        "--load", action="append", default=[], metavar="ADDR=FILE",
        help="a file in memory besides the loop, or the loop; may be given several times",
    )  # fmt: skip
    add(
        "--loop-plan", default="", metavar="STEPS",
        help='what the OS does: "wake 1, test 2, back 1, sleep 3, move, patience ever", '
        'or "usual"',
    )  # fmt: skip
