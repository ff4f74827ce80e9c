"""Numbers in a row, as people write them."""

from collections.abc import Sequence


def spans(numbers: Sequence[int]) -> str:
    """`1-3, 7` of numbers in order."""
    rows: list[list[int]] = []
    for number in numbers:
        if rows and rows[-1][-1] == number - 1:
            rows[-1][1:] = [number]
        else:
            rows.append([number])
    return ", ".join("-".join(map(str, row)) for row in rows)
