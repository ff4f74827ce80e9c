"""A story: commands, and what they must say, for people to read and for a test to run."""

NEW = {
    "tests/stories/parked.story": """\
# An AP is parked before the kernel wakes it.
@ none 2
> until mailbox_wait
cpu 1: reached mailbox_wait
> until mailbox_ack
cpu 0: reaches wake_aps
cpu 1: reached mailbox_ack
""",
}
LINES: dict[str, tuple[tuple[str, str], ...]] = {}


def uses() -> None:
    from tests.test_stories import STORIES, test_story

    (mine,) = [path for path in STORIES if path.stem == "parked"]
    test_story(mine)
