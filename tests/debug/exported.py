"""What tests of exports share: boots that ended somehow, and a reader of pages."""

import json
from functools import cache
from html.parser import HTMLParser
from typing import Any, Final

from emu import Session, open_session
from emu.debug.diagnosis import whole
from emu.export.history import BranchHistory
from tests.test_command_line import ROOT

VOID = {"meta", "input"}


def of_boot(platform: str = "tdx", cpus: int = 4) -> BranchHistory:
    session = open_session(platform=platform, cpus=cpus)
    session.do("run")
    return whole(session.desk)


class Tags(HTMLParser):
    """Fails where a tag is closed that is not open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, tuple[str, ...]]] = []
        self.ids: list[str] = []
        self.texts: dict[str, str] = {}
        """By the last id that was opened: what stands behind it."""
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = tuple(name for name, _ in attrs)
        self.seen.append((tag, names))
        assert not [name for name in names if name == "style" or name.startswith("on")], attrs
        for name, value in attrs:
            if name in ("src", "href", "action", "xlink:href"):
                assert (value or "").startswith("#"), "nothing comes from outside"
            if name == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.ids:
            self.texts[self.ids[-1]] = self.texts.get(self.ids[-1], "") + data

    @property
    def recorded(self) -> dict[str, Any]:
        """What the script walks."""
        found: dict[str, Any] = json.loads(self.texts["recorded"])
        return found


ENDS: Final = {
    "booted": ("no-ack", "tdx"), "degraded": ("branch-into-tdcall", "tdx"),
    "crashed": ("page-reused", "tdx"), "hung": ("lock-held", "vbs"),
    "limit": ("no-pause", "tdx"),
}  # fmt: skip
"""Outcome -> an image of the gallery that ends so, and where."""


def ended(outcome: str) -> Session:
    """A boot with findings that ended so."""
    slug, platform = ENDS[outcome]
    limit = 100_000 if outcome == "limit" else None
    image = str(ROOT / "samples" / "gallery" / f"{slug}.elf")
    session = open_session(image, platform=platform, cpus=4, max_ticks=limit)
    session.do("run")
    assert session.verdict is not None and session.verdict.outcome == outcome
    assert session.findings()
    return session


@cache
def broken() -> BranchHistory:
    """A boot with findings, consequences, an injection and a branch."""
    session = open_session(
        str(ROOT / "samples" / "gallery" / "page-reused.elf"), platform="tdx", cpus=4,
        inject=["nmi 1 at mailbox_wait cpu 1"],
    )  # fmt: skip
    for words in ("run 60000", "goto 50000", "set cpu0:r15=5", "run"):
        session.do(words)
    return whole(session.desk)
