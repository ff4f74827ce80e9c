"""`python -m emu.texts KIND [LANGUAGE]`: the explanations of a kind as Markdown."""

import sys
from collections.abc import Sequence

from emu.errors import ApdbgError
from emu.texts.explanations import kinds
from emu.texts.language import LANGUAGES
from emu.texts.pages import markdown


def page(words: Sequence[str]) -> str:
    """The page that the words ask for; raises ApdbgError with those there are."""
    kind, language = (*words, "", "en")[0], words[1] if len(words) > 1 else "en"
    if kind not in kinds() or language not in LANGUAGES:
        known = f"KIND is one of {', '.join(kinds())}; LANGUAGE of {', '.join(LANGUAGES)}"
        raise ApdbgError(known)
    return markdown(kind, language)


if __name__ == "__main__":
    try:
        print(page(sys.argv[1:]), end="")
    except ApdbgError as error:
        sys.exit(f"emu.texts: {error}")
