"""What can be broken on a machine and when, as frozen values that a front end lists."""

from msgspec import Struct


class ParameterView(Struct, frozen=True):
    """What a kind takes; `example` is what a person might write."""

    name: str
    help: str
    example: str
    needed: bool


class KindView(Struct, frozen=True):
    """One kind of injection; `when`: the moment that it means itself, empty for at once, with
    CPU for its CPU's number and CPU's for that one's APIC id."""

    name: str
    group: str
    help: str
    usage: str
    parameters: tuple[ParameterView, ...]
    when: str
    example: str
    not_started: str = ""
    """The moment where the CPU has not started; empty: as otherwise."""


class MomentView(Struct, frozen=True):
    """A moment in words, and as `at` takes it; empty: without `at`."""

    words: str
    text: str


class InjectionMenu(Struct, frozen=True):
    """The kinds that the platform has, in the order of their groups, and moments to choose."""

    kinds: tuple[KindView, ...]
    now: str
    """This moment as `at` takes it."""
    moments: tuple[MomentView, ...]
    moment_usage: str
    """How a moment is written."""
    moment_words: tuple[str, ...]
    """What stands behind `at`, beside the names of places."""

    def kind(self, name: str) -> KindView | None:
        """The kind of a name."""
        return next((one for one in self.kinds if one.name == name), None)
