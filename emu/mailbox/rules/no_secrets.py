"""The host is shown nothing that it need not see."""

from collections.abc import Iterator

from emu.mailbox.course import Course
from emu.mailbox.observation import Called, Opened
from emu.mailbox.rule import Broken, Rule


def _look(seen: Called | Opened, _: Course) -> Iterator[Broken]:
    if isinstance(seen, Called) and seen.shown:
        names = ", ".join(f"{name.upper()} = {value:#x}" for name, value in seen.shown[:4])
        yield Broken(f"{seen.call} shows the host {names}")
    if isinstance(seen, Opened) and seen.bytes_set:
        pages = (
            f"page {seen.gpa:#x}" if seen.pages == 1 else f"{seen.pages} pages at {seen.gpa:#x}"
        )
        yield Broken(f"{pages} opened to the host with {seen.bytes_set:,} bytes of contents")


RULE = Rule(
    name="no-secrets",
    says=(
        "RCX of TDG.VP.VMCALL exposes the registers of the call, and no other with contents; a "
        "page that is opened to the host is empty."
    ),
    source="TDX GHCI 1.5, 2.4.1; EDK2, OvmfPkg/TdxDxe/X64/ApRunLoop.nasm",
    follows="The host learns addresses or data of the guest, and may change them.",
    look_at="RCX at the call, or what wrote to the page last (last-writer).",
    sees=(Called, Opened),
    look=_look,
)
