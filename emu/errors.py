"""What the user did wrong, said in one sentence: the exceptions that end in exit code 2."""

from typing import Final

HEAD_MAX: Final = 1_200
TAIL_MAX: Final = 300
"""Characters of a sentence that are told: what somebody gave may be of any length."""


class ApdbgError(Exception):
    """A mistake outside apdbg; its text is one sentence that names the place."""

    def __init__(self, words: str) -> None:
        if len(words) > HEAD_MAX + TAIL_MAX:
            words = f"{words[:HEAD_MAX]} ... {words[-TAIL_MAX:]}"
        super().__init__(words)


class ImageError(ApdbgError):
    """An ELF file that cannot be booted."""


class PlatformError(ApdbgError):
    """A platform file or option that cannot describe a machine."""


class CommandError(ApdbgError):
    """A command that does not parse or cannot be carried out now."""


class EndedError(CommandError):
    """Nothing runs on by itself: the boot is over. Going back, and beginning again, work."""


class RecordingError(ApdbgError):
    """A file that is no recording, or one that cannot be replayed here."""


class EngineError(ApdbgError):
    """An installed emulator that does not behave as apdbg relies on."""
