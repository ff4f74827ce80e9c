"""What a run leaves for the next one: the persisted region of openhcl_boot's layout.

Source: openvmm, `openhcl/openhcl_boot/src/host_params/dt/mod.rs`
(read_persisted_region_header): the region begins with a header, and a restore reads it.
"""

from pathlib import Path
from typing import Final

from emu.debug.desk import Desk
from emu.errors import CommandError
from emu.given.files import new_file
from emu.hw.address import PAGE_BYTES

REGION: Final = "persisted state"


def kept(desk: Desk) -> bytes:
    """The region as it is now, up to its last page that is not zero; raises CommandError."""
    board = desk.machine.board
    found = next((one for one in board.layout.regions if one.name == REGION), None)
    if found is None or board.platform.isolation != "none":
        raise CommandError(
            f"nothing of a {board.platform.name} machine is kept for the next run"
        )
    data = board.ram.guest_bytes(found.gpa, found.size)
    assert data is not None, "the layout lies in memory"
    pages = len(data.rstrip(b"\0")) + PAGE_BYTES - 1 & -PAGE_BYTES
    return data[:pages]


def keep(desk: Desk, file: str) -> None:
    """Write it; raises CommandError."""
    data = kept(desk)
    with new_file(Path(file), CommandError) as written:
        written.write(data)
