"""The names of all generators, as documents write them."""

from collections.abc import Mapping
from typing import Final

from tests.documents import door, gallery, guest, lines, results, texts, words
from tests.documents.regions import Generator

GENERATORS: Final[Mapping[str, Generator]] = {
    "commands": words.commands, "screen-words": words.screen_words, "aliases": words.aliases,
    "catches": words.catches, "places": words.places, "keys": words.keys,
    "options": words.options, "exit-codes": words.exits,
    "platform-keys": guest.platform_keys, "injections": guest.injections,
    "rules": guest.rules, "gallery": gallery.images, "calls": guest.calls, "msrs": guest.msrs,
    "statuses": guest.statuses,
    "python": door.python, "views": door.views, "resume": door.resume,
    "json": door.run_report, "profile-json": door.profile_report,
    "what-if-json": door.what_if_report, "recording": door.recording,
    "words": texts.words, "lesson": texts.lesson, "what-if": results.told,
    "what-if-lines": lines.told,
}  # fmt: skip
"""By the word that stands in the comment."""
