"""What a filter of a log or a list keeps, and what it says of the rest."""


def has_words(text: str, words: str) -> bool:
    """Whether each of some words stands in a text, whatever its case."""
    text = text.casefold()
    return all(word in text for word in words.casefold().split())


def told_of(kept: int, total: int, noun: str, words: str, rows: int | None = None) -> str:
    """`12 of 97 events, 85 hidden by 'cpu 2 fault', in 3 rows`: what a filter leaves."""
    noun = noun if total == 1 else f"{noun}s"
    hidden = f", {total - kept:,} hidden by {words!r}" if words else ""
    folded = ""
    if rows is not None and rows != kept:
        folded = f", in {rows:,} row{'s' * (rows != 1)}"
    return f"{kept:,} of {total:,} {noun}{hidden}{folded}"
