"""Whoever writes to a terminal that is gone goes on."""

import io
import threading
from typing import IO, cast

from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread

from tui.lasting import Lasting


class Gone(io.StringIO):
    """A terminal that somebody has closed."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")

    def flush(self) -> None:
        raise OSError(5, "Input/output error")


def test_a_terminal_that_is_gone_takes_any_number_of_pictures() -> None:
    writer = WriterThread(cast(IO[str], Lasting(Gone())))
    writer.start()

    def paint() -> None:
        for _ in range(10 * MAX_QUEUED_WRITES):
            writer.write("picture")
        writer.stop()

    painter = threading.Thread(target=paint, daemon=True)
    painter.start()
    painter.join(30)
    assert not painter.is_alive(), "it waits for somebody who is gone"
    assert not writer.is_alive()


def test_what_can_be_written_is_written_and_all_else_is_the_file_s() -> None:
    file = io.StringIO()
    lasting = Lasting(file)
    assert lasting.write("word") == 4 and file.getvalue() == "word"
    assert lasting.closed is False
