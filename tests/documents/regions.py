"""Parts of documents that the program writes, between two comments in a page of ours.

`<!-- generated: commands -->` ... `<!-- end of generated -->`: what stands between is what the
generator `commands` of `tests.documents.generators` says of the code as it is.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

_REGION: Final = re.compile(
    r"<!-- generated: (?P<words>[^\n]+?) -->\n(?P<body>.*?)<!-- end of generated -->", re.DOTALL
)
Generator = Callable[..., str]
"""The words behind its name -> Markdown."""


def regions(text: str) -> list[str]:
    """The words of all regions of a document, in order."""
    return [found["words"] for found in _REGION.finditer(text)]


def renewed(text: str, generators: Mapping[str, Generator]) -> str:
    """A document with all of its regions made anew; KeyError for a generator there is not."""

    def region(found: re.Match[str]) -> str:
        name, *words = found["words"].split()
        body = generators[name](*words).strip("\n")
        inside = f"\n{body}\n\n" if body else ""
        return f"<!-- generated: {found['words']} -->\n{inside}<!-- end of generated -->"

    return _REGION.sub(region, text)
