"""Rows of texts: none is wider than asked for, no word is lost, Chinese breaks where it may."""

from hypothesis import given
from hypothesis import strategies as st

from emu.texts.explanations import explanations, kinds
from emu.texts.wrapping import cells, wrapped

BEGINS = "\uff08\u300a\u201c"
STOPS = "\uff0c\u3002\uff1b\uff1a\uff09"


def test_every_text_fits_and_loses_nothing() -> None:
    for kind in kinds():
        for tongue in ("en", "zh"):
            for one in explanations(kind, tongue).values():  # type: ignore[arg-type]
                for width in (16, 36, 84):
                    rows = wrapped(one.text, width)
                    assert max(map(cells, rows)) <= width + 2, one.word
                    assert "".join("".join(rows).split()) == "".join(one.text.split())


def test_no_row_of_chinese_begins_with_a_stop_or_ends_with_a_bracket() -> None:
    for kind in kinds():
        for one in explanations(kind, "zh").values():
            rows = wrapped(one.text, 40)
            assert not any(row[0] in STOPS for row in rows), one.word
            assert not any(row[-1] in BEGINS for row in rows), one.word


@given(
    st.text(alphabet=st.sampled_from("ab \u4e2d\u6587\uff0c."), max_size=60), st.integers(8, 40)
)
def test_whatever_the_text_rows_fit(text: str, width: int) -> None:
    assert all(cells(row) <= width + 2 for row in wrapped(text, width))
    assert "".join("".join(wrapped(text, width)).split()) == "".join(text.split())
