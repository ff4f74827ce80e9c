"""What the user did wrong, said in one sentence: the exceptions that end in exit code 2."""


class ApdbgError(Exception):
    """A mistake outside apdbg; its text is one sentence that names the place."""


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
