"""One compiled guest for each kind of debug information, shared by all tests of it."""

from pathlib import Path

import pytest

from emu.boot.image import Image, load_image
from tests.boot.guest import compiled

KINDS = {
    "dwarf4": ("-gdwarf-4", "-static"),
    "dwarf5": ("-gdwarf-5", "-static"),
    "pie": ("-gdwarf-5", "-fPIE", "-pie"),
}


@pytest.fixture(scope="session", params=KINDS)
def guest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The guest of tests/boot/guest.py as an image."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    return load_image(compiled(folder, *KINDS[request.param]))
