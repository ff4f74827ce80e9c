"""The page's looks and its one script, as they lie beside this file, and what a browser may do
with the page: nothing but these two."""

import base64
import hashlib
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
STYLE: Final = (_HERE / "page.css").read_text(encoding="utf-8")
SCRIPT: Final = (_HERE / "page.js").read_text(encoding="utf-8")


def _allowed(words: str) -> str:
    """By its hash (Content Security Policy Level 3, 2.3.1): whatever else stands in the page
    as a script or a style is not carried out."""
    digest = hashlib.sha256(words.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


POLICY: Final = (
    f"default-src 'none'; style-src {_allowed(STYLE)}; script-src {_allowed(SCRIPT)}; "
    "base-uri 'none'; form-action 'none'"
)
