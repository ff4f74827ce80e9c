"""The language in which a person is told things: what the locale asks for."""

import os
from collections.abc import Mapping
from typing import Final, Literal, get_args

Language = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
_ASKED: Final = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
"""As gettext asks them: the first that says something decides (GNU gettext, 2.3)."""


def language(environment: Mapping[str, str] = os.environ) -> Language:
    """Chinese where the locale says so, English everywhere else."""
    asked = next((environment[name] for name in _ASKED if environment.get(name)), "")
    return "zh" if asked.partition(":")[0].lower().startswith("zh") else "en"
