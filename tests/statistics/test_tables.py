"""How a table is written: medians, and CSV that a spreadsheet can open safely."""

import csv
import doctest
import io
import statistics
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.statistics import periods, tables
from services.statistics.reports import REPORTS, ReportName
from services.statistics.tables import (
    Cell,
    Table,
    counted_cell,
    csv_text,
    hidden_cell,
    make_table,
    median_of,
    to_csv,
)
from tests.statistics.history import unhurried

DELAYS = REPORTS[ReportName.DELAYS]
ANSWERED = DELAYS.columns[0]


@given(st.lists(st.integers(-100, 5_000), min_size=1))
@unhurried(max_examples=60)
def test_the_median_is_that_of_the_values(values: list[int]) -> None:
    assert median_of(Counter(values)) == statistics.median(values)


def test_a_delay_is_shown_in_days_to_a_tenth() -> None:
    assert counted_cell(ANSWERED, 3, Counter({24: 1, 60: 2})) == Cell(cases=3, median=2.5)


def test_no_case_has_no_median() -> None:
    assert counted_cell(ANSWERED, 0, None) == Cell(cases=0, median=None)


def a_table(value: str = "93") -> Table:
    """Return a table of delays with one row."""
    shown = Cell(cases=12, median=-2.5)
    cells = {"answered": shown, "met": hidden_cell(), "completed": hidden_cell()}
    return make_table(
        DELAYS,
        view="published",
        by="departement",
        window=("2026-07", "2026-09"),
        as_of=datetime(2026, 11, 23, tzinfo=UTC),
        rows={value: cells},
        total=cells,
    )


def rows_of(text: str) -> list[dict[str, str]]:
    """Read CSV back."""
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_one_line_a_cell_with_its_size_and_warning() -> None:
    rows = rows_of(to_csv(a_table()))
    assert [(row["value"], row["column"], row["cases"], row["median"]) for row in rows[:2]] == [
        ("93", "answered", "12", "-2.5"),
        ("93", "met", "", ""),
    ]
    assert [row["value"] for row in rows] == ["93"] * 3 + ["total"] * 3
    assert {row["hidden"] for row in rows} == {"", tables.HIDDEN}
    assert all("n'en dit pas la cause" in row["note"] and "11 dossiers" in row["note"] for row in rows)
    assert (rows[0]["from"], rows[0]["to"], rows[0]["unit"]) == ("2026-07", "2026-09", "jours")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_of_a_csv_is_a_formula(start: str) -> None:
    formula = start + 'HYPERLINK("http://x","y")'
    assert csv_text(formula) == "'" + formula
    assert rows_of(to_csv(a_table(formula)))[0]["value"] == "'" + formula


@given(st.text(max_size=20))
@unhurried(max_examples=60)
def test_texts_that_are_no_formula_stay_as_they_are(text: str) -> None:
    escaped = csv_text(text)
    assert escaped.removeprefix("'") == text.removeprefix("'")
    assert not escaped.startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize("module", [tables, periods])
def test_examples_in_docstrings_hold(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted > 0
    assert result.failed == 0
