"""The gallery, as reference: each image with its bug, and what shows it."""

from typing import Final

from tests.documents.markdown import code, plain, table
from tests.gallery import IMAGES, Bug

_RULE: Final = "../reference/rules.md#rule-"


def images() -> str:
    """Every image: what is wrong with it, and the rule that finds it or how it is seen."""
    rows = (
        (code(slug), plain(Bug.of(slug).entry["title"]), shown_by(Bug.of(slug)))
        for slug in IMAGES
    )
    return table(("image", "its bug", "shown by"), rows)


def shown_by(bug: Bug) -> str:
    """What shows a bug; a secret that can be seen is shown by a profile."""
    ways = []
    if "finding" in bug.entry:
        rule = bug.entry["finding"]["rule"]
        ways.append(f"[{code(rule)}]({_RULE}{rule})")
    if "leak" in bug.entry:
        leak = bug.entry["leak"]
        ways.append(f"{code('profile --secret ' + leak['secret'])}: {leak['by']}")
    return ", ".join(ways)
