"""A lesson of the tour: a question, what answers it, what is wrong, and its words."""

from emu.tour.guide import Guide, Progress, lesson_of
from emu.tour.words import words

LESSON = """\
\"\"\"Steps are counted.\"\"\"

from emu.tour.lesson import Lesson

LESSON = Lesson(
    "two_steps",
    done=lambda seen: seen.tick == 2,
    wrong=(
        ("too_many", lambda seen: seen.tick > 2),
        ("looked", lambda seen: seen.last == "registers"),
    ),
)
"""
TEXTS = """\
title = "{title}"
question = "{question}"
do = "{title}"
hints = ["{title}", "{question}"]
explained = "{title}"
{more}
[wrong]
too_many = "{title}"
looked = "{title}"
"""
NEW = {
    "emu/tour/lessons/two_steps.py": LESSON,
    "emu/texts/tour/en/two_steps.toml": TEXTS.format(
        title="Two steps", question="Which two?", more='source = "none"\nsee = ["tick"]\n'
    ),
    "emu/texts/tour/zh/two_steps.toml": TEXTS.format(
        title="\u4e24\u6b65", question="\u54ea\u4e24\u6b65", more=""
    ),
}
LINES = {
    "emu/tour/lessons/__init__.py": (
        ("from emu.tour.lesson import Lesson\n", "from emu.tour.lessons import two_steps\n"),
        ("    first_cpu.LESSON,\n", "    two_steps.LESSON,\n"),
    ),
    "tests/tour/answers.py": (
        (
            "ANSWERS: Final[dict[str, Answer]] = {\n",
            '    "two_steps": Answer(\n'
            '        solves=("2s",),\n'
            '        wrong={"too_many": ("3s",), "looked": (":registers\\r",)},\n'
            "    ),\n",
        ),
    ),
}


def uses() -> None:
    guide = Guide(Progress())
    guide.begin(lesson_of("two_steps"))
    guide.do("registers")
    assert guide.wrong == "looked"
    guide.do("step 2")
    assert guide.solved
    assert words("two_steps", "zh").question == "\u54ea\u4e24\u6b65"
