"""An SEV-SNP guest in a session: steps and ways back."""

from pathlib import Path

from emu import open_session
from tests.boot.tiny_shim import image_of
from tests.machine.test_encryption_bit import BEGIN, END, SNP, STARTS, found


def test_steps_and_ways_back_come_to_the_same_end(tmp_path: Path) -> None:
    image, place = tmp_path / "snp.elf", tmp_path / "snp.toml"
    code = STARTS.format(efer="0x1d00", features=1)
    image.write_bytes(image_of(BEGIN + code + END, "shim").data)
    place.write_text(SNP)
    session = open_session(str(image), platform=str(place), cpus=2)
    session.do("run")
    board, end = session.machine.board, session.machine.board.tick
    rip = board.linear_rip(board.cpus[0])
    for way in (("goto 40", "run"), ("goto 0", "step 0 60", "goto 30", "run")):
        for command in way:
            session.do(command)
        board = session.machine.board
        assert found(board, 4) == [0, 0, 0, 0xA9]
        assert board.linear_rip(board.cpus[0]) == rip
        assert way[1] != "run" or board.tick == end
