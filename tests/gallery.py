"""The gallery as its TOML files have it: their one reader, and of the commands in them."""

import tomllib
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from emu import Session, open_session
from emu.debug import script

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "samples" / "gallery"
IMAGES: Final = sorted(p.stem for p in FOLDER.glob("*.elf") if "." not in p.stem)
MAX_TICKS: Final = 60_000_000
WATCHDOG: Final = 10_000_000
RACES: Final = tuple(name for name in IMAGES if (FOLDER / f"{name}.script").exists())
"""Those that show their bug in one schedule only."""


class Bug(Struct, frozen=True):
    """An image, and how it is run."""

    slug: str
    entry: dict[str, Any]

    @classmethod
    def of(cls, slug: str) -> "Bug":
        """The entry of an image."""
        return cls(slug, tomllib.loads((FOLDER / f"{slug}.toml").read_text()))

    @property
    def words(self) -> list[str]:
        """What its `command` says: `run`, the image, and options with a value each."""
        return str(self.entry["command"]).split()

    @property
    def options(self) -> dict[str, str]:
        """Option -> value."""
        return dict(zip(self.words[2::2], self.words[3::2], strict=True))

    @property
    def shown(self) -> dict[str, Any]:
        """Its finding; of a bug that no rule finds, what depends on a secret."""
        table: dict[str, Any] = self.entry.get("finding") or self.entry["leak"]
        return table

    @property
    def platform(self) -> str:
        """The platform's name, or its file."""
        named = self.options["--platform"]
        return str(ROOT / named) if named.endswith(".toml") else named

    @property
    def initrd(self) -> str | None:
        """The file with its secret, if it has one."""
        named = self.options.get("--initrd")
        return str(ROOT / named) if named else None

    @property
    def inject(self) -> list[str]:
        """What its symptom needs beside."""
        return [self.entry["inject"]] if "inject" in self.entry else []

    def schedule(self) -> list[str]:
        """The commands that come first."""
        named = self.options.get("--script")
        return [words for _, words in script.read(ROOT / named)] if named else []

    def opened(self, platform: str = "", image: str = "", honest: bool = False) -> Session:
        """A machine with the image, at its first instruction; other ones if they are named.
        `honest`: without what its symptom needs beside."""
        return open_session(
            image or str(FOLDER / f"{self.slug}.elf"), platform=platform or self.platform,
            cpus=4, inject=[] if honest else self.inject,
            cmdline=self.options.get("--cmdline", ""), initrd=self.initrd,
            max_ticks=MAX_TICKS, watchdog=WATCHDOG,
        )  # fmt: skip

    def prepared(self, platform: str = "", image: str = "") -> Session:
        """Behind the last command of its schedule."""
        session = self.opened(platform, image)
        for words in self.schedule():
            session.do(words)
        return session


LEAKS: Final = tuple(name for name in IMAGES if "leak" in Bug.of(name).entry)
"""Those that let a secret be seen: `profile --secret` shows it."""
FOUND: Final = tuple(name for name in IMAGES if "finding" in Bug.of(name).entry)
"""Those in which a rule finds the bug."""
