"""Months and quarters as text that sorts by time: `2026-11`, `2026-Q4`. All of them in UTC."""

from datetime import datetime
from typing import Annotated

from pydantic import StringConstraints

Month = Annotated[str, StringConstraints(pattern=r"^20\d\d-(0[1-9]|1[0-2])$")]
Quarter = str


def month_of(moment: datetime) -> Month:
    """Return the month of an instant."""
    return f"{moment:%Y-%m}"


def quarter_of(month: Month) -> Quarter:
    """Return the quarter of a month.

    >>> quarter_of("2026-11")
    '2026-Q4'
    """
    return f"{month[:4]}-Q{(int(month[5:]) + 2) // 3}"


def first_month(quarter: Quarter) -> Month:
    """Return the first month of a quarter."""
    return f"{quarter[:4]}-{int(quarter[-1]) * 3 - 2:02}"


def last_month(quarter: Quarter) -> Month:
    """Return the last month of a quarter."""
    return f"{quarter[:4]}-{int(quarter[-1]) * 3:02}"


def next_quarter(quarter: Quarter) -> Quarter:
    """Return the quarter after."""
    year, number = int(quarter[:4]), int(quarter[-1])
    return f"{year + 1}-Q1" if number == 4 else f"{year}-Q{number + 1}"


def quarter_before(quarter: Quarter) -> Quarter:
    """Return the quarter before."""
    year, number = int(quarter[:4]), int(quarter[-1])
    return f"{year - 1}-Q4" if number == 1 else f"{year}-Q{number - 1}"


def quarters_between(first: Quarter, last: Quarter) -> tuple[Quarter, ...]:
    """Return the quarters from `first` to `last`, both included."""
    found = []
    while first <= last:
        found.append(first)
        first = next_quarter(first)
    return tuple(found)
