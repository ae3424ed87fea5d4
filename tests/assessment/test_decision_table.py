"""The checker of decision tables, against a brute-force walk of every situation."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assessment.decision_table import (
    DecisionTable,
    Part,
    Range,
    Row,
    RowOutsideAxis,
    TableGap,
    TableOverlap,
    Values,
)

HIGH = 12
NAMES = ("able", "not_able", "unsure")
AXES: dict[str, Part] = {"skills": Range(0, HIGH), "autonomy": Range(0, HIGH), "learning": Values(NAMES)}


def _ranges() -> st.SearchStrategy[Range]:
    ends = st.integers(0, HIGH)
    return st.tuples(ends, ends).map(lambda pair: Range(min(pair), max(pair)))


def _names() -> st.SearchStrategy[Values]:
    return st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True).map(
        lambda one: Values(tuple(one))
    )


@st.composite
def _any_rows(draw: st.DrawFn) -> tuple[Row, ...]:
    """Rows thrown at random: most such tables have gaps and overlaps."""
    rows = []
    for number in range(draw(st.integers(0, 6))):
        when: dict[str, Part] = {}
        for axis in ("skills", "autonomy"):
            if draw(st.booleans()):
                when[axis] = draw(_ranges())
        if draw(st.booleans()):
            when["learning"] = draw(_names())
        rows.append(Row(f"row{number}", draw(st.sampled_from("ABC")), when))
    return tuple(rows)


@st.composite
def _partition(draw: st.DrawFn) -> tuple[Row, ...]:
    """Rows that cut the whole again and again: a table without fault."""
    boxes: list[dict[str, Part]] = [dict(AXES)]
    for _ in range(draw(st.integers(0, 7))):
        box = boxes.pop(draw(st.integers(0, len(boxes) - 1)))
        boxes.extend(_cut(draw, box))
    return tuple(Row(f"row{at}", draw(st.sampled_from("ABC")), box) for at, box in enumerate(boxes))


def _cut(draw: st.DrawFn, box: dict[str, Part]) -> list[dict[str, Part]]:
    axis = draw(st.sampled_from(sorted(AXES)))
    part = box[axis]
    if isinstance(part, Range) and part.low < part.high:
        cut = draw(st.integers(part.low, part.high - 1))
        return [{**box, axis: Range(part.low, cut)}, {**box, axis: Range(cut + 1, part.high)}]
    if isinstance(part, Values) and len(part.names) > 1:
        return [{**box, axis: Values(part.names[:1])}, {**box, axis: Values(part.names[1:])}]
    return [box]


def _walk(table: DecisionTable) -> tuple[bool, bool]:
    """(a gap exists, an overlap exists), found by asking every situation."""
    counts = [
        sum(row.covers({"skills": skills, "autonomy": autonomy, "learning": learning}) for row in table.rows)
        for skills, autonomy, learning in product(range(HIGH + 1), range(HIGH + 1), NAMES)
    ]
    return 0 in counts, any(count > 1 for count in counts)


@given(rows=_any_rows() | _partition())
def test_the_check_agrees_with_asking_every_situation(rows: tuple[Row, ...]) -> None:
    table = DecisionTable("tried", AXES, rows)
    has_gap, has_overlap = _walk(table)
    if not has_gap and not has_overlap:
        table.check()
        return
    with pytest.raises((TableGap, TableOverlap)) as refused:
        table.check()
    fault = refused.value
    assert isinstance(fault, TableGap | TableOverlap)
    answering = {row.name for row in rows if row.covers(fault.example)}
    if isinstance(fault, TableOverlap):
        assert has_overlap
        assert answering == set(fault.rows)
        assert len(answering) > 1
    else:
        assert has_gap
        assert not answering


@given(rows=_partition())
def test_a_table_that_cuts_the_whole_is_accepted(rows: tuple[Row, ...]) -> None:
    DecisionTable("tried", AXES, rows).check()


@given(rows=_partition(), skills=_ranges(), learning=_names())
def test_what_is_possible_is_what_some_situation_answers(
    rows: tuple[Row, ...], skills: Range, learning: Values
) -> None:
    table = DecisionTable("tried", AXES, rows)
    reached = {
        table.decide({"skills": one, "autonomy": other, "learning": name}).name
        for one, other, name in product(range(skills.low, skills.high + 1), range(HIGH + 1), learning.names)
    }
    assert {row.name for row in table.possible({"skills": skills, "learning": learning})} == reached


def test_a_gap_prints_a_situation_without_answer() -> None:
    rows = (Row("low", "A", {"skills": Range(0, 4)}), Row("high", "B", {"skills": Range(6, HIGH)}))
    with pytest.raises(TableGap, match="skills=5"):
        DecisionTable("profile", AXES, rows).check()


def test_an_overlap_prints_the_situation_and_both_rows() -> None:
    rows = (Row("low", "A", {"skills": Range(0, 6)}), Row("high", "B", {"skills": Range(6, HIGH)}))
    with pytest.raises(TableOverlap, match="low and high both answer skills=6"):
        DecisionTable("profile", AXES, rows).check()


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({"age": Range(0, 3)}, "unknown"),
        ({"skills": Range(5, 3)}, "empty"),
        ({"skills": Range(0, HIGH + 1)}, "leaves"),
        ({"skills": Values(("able",))}, "expected a range"),
        ({"learning": Values(("tired",))}, "unknown value tired"),
        ({"learning": Range(0, 1)}, "expected some of"),
        ({"learning": Values(())}, "no value"),
    ],
)
def test_a_row_outside_the_axes_is_refused(when: dict[str, Part], said: str) -> None:
    with pytest.raises(RowOutsideAxis, match=said):
        DecisionTable("profile", AXES, (Row("odd", "A", when),)).check()
