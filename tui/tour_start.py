"""How a screen begins, as far as the tour is concerned."""

from msgspec import Struct


class TourStart(Struct, frozen=True):
    """With a lesson, with an offer, or with neither."""

    lesson: str | None = None
    """Begin with this lesson, by number or name; empty: with the one that was left; None: with
    none."""
    bare: bool = False
    offered: bool = False
    """Whether the tour is offered, above the machine."""
