"""A report's answer, as JSON and as CSV."""

import csv
import io
from collections import Counter
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.statistics.disclosure import SMALLEST
from services.statistics.periods import Month
from services.statistics.reports import Column, Report, ReportName

HIDDEN = f"Masqué : moins de {SMALLEST} dossiers, ou déductible d'une autre case."
"""The one reason of every hidden cell: which of the two would itself tell something."""

_UNIT = "dossiers, et non personnes : une personne suivie par deux institutions a deux dossiers"
_DESCRIPTIVE = "Comparaison descriptive : un écart entre deux groupes n'en dit pas la cause, et les effectifs sont à lire avec."
_COHORT = "Un dossier est rangé dans le mois (UTC) de son premier fait, puis suivi jusqu'à aujourd'hui."
_PUBLISHED = (
    f"Une case compte au moins {SMALLEST} dossiers. Les totaux, les cases voisines et les trimestres ne permettent pas "
    "de retrouver une case masquée."
)
_HOURS_IN_A_DAY = 24
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Cell(BaseModel):
    """`cases` is the size; `median` stands in reports of a figure. Both are null in a hidden cell, and `hidden` says why."""

    model_config = ConfigDict(frozen=True)

    cases: int | None
    median: float | None = None
    hidden: str | None = None


class ColumnHead(BaseModel):
    """What a column is; `unit` is that of its median."""

    name: str
    meaning: str
    unit: str | None


class Row(BaseModel):
    """One value of the split, and its cell in each column."""

    value: str
    cells: dict[str, Cell]


class Table(BaseModel):
    """A report's answer. `from` and `to` are months, both included; null: from the first, to the last."""

    report: ReportName
    view: Literal["own", "published"]
    meaning: str
    unit: str = _UNIT
    by: str
    from_: Month | None = Field(serialization_alias="from")
    to: Month | None
    as_of: AwareDatetime
    columns: list[ColumnHead]
    rows: list[Row]
    total: dict[str, Cell]
    notes: list[str]


def make_table(
    report: Report,
    *,
    view: Literal["own", "published"],
    by: str,
    window: tuple[Month | None, Month | None],
    as_of: AwareDatetime,
    rows: dict[str, dict[str, Cell]],
    total: dict[str, Cell],
) -> Table:
    """Put a report's cells together with what is said beside them."""
    return Table(
        report=report.name,
        view=view,
        meaning=report.meaning,
        by=by,
        from_=window[0],
        to=window[1],
        as_of=as_of,
        columns=[ColumnHead(name=one.name, meaning=one.meaning, unit=one.unit) for one in report.columns],
        rows=[Row(value=value, cells=cells) for value, cells in rows.items()],
        total=total,
        notes=[_DESCRIPTIVE, _COHORT] + ([_PUBLISHED] if view == "published" else []),
    )


def hidden_cell() -> Cell:
    """Return the only hidden cell there is."""
    return Cell(cases=None, hidden=HIDDEN)


def counted_cell(column: Column, cases: int, distribution: Counter[int] | None) -> Cell:
    """Return a cell that is shown; a figure without any case has no median."""
    if column.figure is None or not distribution:
        return Cell(cases=cases)
    median = median_of(distribution)
    if column.figure.startswith("hours."):
        median /= _HOURS_IN_A_DAY
    return Cell(cases=cases, median=round(median, 1))


def median_of(distribution: Counter[int]) -> float:
    """Return the median of a distribution (value → how many), which is not empty.

    >>> median_of(Counter({1: 1, 5: 1, 40: 2}))
    22.5
    """
    size = distribution.total()
    low, high = (size - 1) // 2, size // 2
    seen, middle = 0, []
    for value in sorted(distribution):
        before, seen = seen, seen + distribution[value]
        middle += [value for position in (low, high) if before <= position < seen]
    return sum(middle) / 2


def to_csv(table: Table) -> str:
    """Return a table as CSV (RFC 4180), one line a cell; the total's value is `total`."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        ("report", "view", "from", "to", "by", "value", "column", "cases", "median", "unit", "hidden", "note")
    )
    note = " ".join([table.unit[0].upper() + table.unit[1:] + ".", *table.notes])
    units = {column.name: column.unit or "" for column in table.columns}
    lines = [*((row.value, row.cells) for row in table.rows), ("total", table.total)]
    for value, cells in lines:
        for column, cell in cells.items():
            texts = (table.report, table.view, table.from_ or "", table.to or "", table.by, value, column)
            writer.writerow(
                [
                    *(csv_text(text) for text in texts),
                    cell.cases,
                    cell.median,
                    csv_text(units[column]),
                    csv_text(cell.hidden or ""),
                    csv_text(note),
                ]
            )
    return out.getvalue()


def csv_text(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula.

    >>> csv_text("=1+1")
    "'=1+1"
    """
    return "'" + text if text.startswith(_FORMULA_STARTS) else text
