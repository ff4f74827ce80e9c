"""Which spot of a page is pointed at: the cursor from spot to spot, and the mouse at a cell."""

from collections.abc import Sequence

from tui.panels.base import Page, Spot


def spot_of(page: Page, key: str) -> Spot | None:
    """What the cursor is on."""
    return next((spot for spot in page.spots if spot.key == key), None)


def first(spots: Sequence[Spot], step: int) -> Spot | None:
    """Where a cursor appears that goes down (1) or up (-1): at what is current, or an end."""
    current = next((spot for spot in spots if spot.key == "here"), None)
    return current or (spots[0 if step > 0 else -1] if spots else None)


def next_to(spots: Sequence[Spot], here: Spot, step: int) -> Spot | None:
    """The spot in the nearest row above or below, nearest in its column."""
    rows = [spot for spot in spots if (spot.row - here.row) * step > 0]
    if not rows:
        return None
    near = min(abs(spot.row - here.row) for spot in rows)
    same = [spot for spot in rows if abs(spot.row - here.row) == near]
    return min(same, key=lambda spot: abs(spot.start - here.start))


def spot_at(page: Page, column: int, row: int, width: int) -> Spot | None:
    """What lies at a cell of a page of that width."""
    for spot in page.spots:
        end = width if spot.end is None else spot.end
        if spot.row == row and spot.start <= column < end:
            return spot
    return None
