"""Answers a report from the cube: exactly to those whose cases they are, protected to all others.

Adding up many cases takes a while: it is done in slices, between which the process serves others. An event taken in
meanwhile may or may not be counted; each case is added to every split of a table at once, so its splits agree.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from services.statistics.cases import NOT_PROFILED, UNKNOWN, CaseCount, Place
from services.statistics.cube import Cube
from services.statistics.disclosure import ByInstitution, Shown, protect
from services.statistics.model import StatisticsError
from services.statistics.periods import (
    Month,
    Quarter,
    first_month,
    last_month,
    month_of,
    quarter_before,
    quarter_of,
    quarters_between,
)
from services.statistics.reports import (
    PARENTS,
    REPORTS,
    Column,
    OwnSplit,
    PublishedSplit,
    Report,
    ReportName,
    with_parents,
)
from services.statistics.tables import Cell, Table, counted_cell, hidden_cell, make_table
from shared.clock import Clock
from shared.events.vocabulary import AgeBand, Profile

ALL = "all"
T = TypeVar("T")

_SLICE = 250
"""How many entries are added up in one go: 2 to 5 ms."""

MOST_QUARTERS = 20
"""The longest window of published figures: five years, which is what is kept."""

_METROPOLE = [f"{number:02}" for number in range(1, 96) if number != 20]  # 20 became 2A and 2B in 1976
_OVERSEAS = ["971", "972", "973", "974", "975", "976", "977", "978", "984", "986", "987", "988", "989"]
VALUES: Mapping[str, tuple[str, ...]] = {
    "departement": (*sorted([*_METROPOLE, "2A", "2B"]), *_OVERSEAS, UNKNOWN),
    "age_band": tuple(band.value for band in AgeBand),
    "profile": (*(profile.value for profile in Profile), NOT_PROFILED),
}
"""Every value of a published dimension, always all listed: which of them has no case is not told."""
_DEPARTEMENTS = frozenset(VALUES["departement"])


class InvalidPeriod(StatisticsError):
    """The months asked for can't be answered."""

    status = 422

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"The period does not fit: {problem}.", errors=[{"field": "from, to", "problem": problem}]
        )


class SplitNotPublished(StatisticsError):
    """This report is not published by that."""

    status = 422

    def __init__(self, report: ReportName, by: PublishedSplit, offered: Sequence[PublishedSplit]) -> None:
        super().__init__(
            f"The published report {report} is not split by {by}; ask for one of: {', '.join(offered)}.",
            errors=[{"field": "by", "problem": f"must be one of {', '.join(offered)}"}],
        )


class _Tally:
    """Cases by column and the distribution of each figure, for one row of exact figures."""

    def __init__(self) -> None:
        self.columns: Counter[str] = Counter()
        self.figures: defaultdict[str, Counter[int]] = defaultdict(Counter)

    def add(self, count: CaseCount, cases: int) -> None:
        for column in count.columns:
            self.columns[column] += cases
        for name, value in count.figures:
            self.figures[name][value] += cases


class _QuarterCounts:
    """What all institutions count in one quarter: cases by column, dimension and value, and some figures."""

    def __init__(self, columns: Sequence[str], figures: Iterable[str]) -> None:
        self.lines: dict[str, dict[str, dict[str, ByInstitution]]] = {
            column: {name: {value: Counter() for value in values} for name, values in VALUES.items()}
            for column in columns
        }
        self.figures: defaultdict[tuple[str, str, str], Counter[int]] = defaultdict(Counter)
        self._wanted = frozenset(figures)

    def add(self, institution: str, count: CaseCount, cases: int) -> None:
        place = count.place
        departement = place.departement if place.departement in _DEPARTEMENTS else UNKNOWN
        values = (("departement", departement), ("age_band", place.age_band), ("profile", place.profile))
        for column in count.columns & self.lines.keys():
            line = self.lines[column]
            for dimension, value in values:
                line[dimension][value][institution] += cases
        for name, figure in count.figures:
            if name in self._wanted:
                for dimension, value in values:
                    self.figures[name, dimension, value][figure] += cases

    def cases(self, column: str, dimension: str, value: str) -> int:
        return self.lines[column][dimension][value].total()


class ReportDesk:
    """Answers reports."""

    def __init__(self, cube: Cube, clock: Clock) -> None:
        self._cube, self._clock = cube, clock

    async def own(
        self, node: str, name: ReportName, by: OwnSplit, first: Month | None, last: Month | None
    ) -> Table:
        """Return the exact figures of a node's subtree.

        Raises:
            InvalidPeriod: `first` comes after `last`.
        """
        if first is not None and last is not None and first > last:
            raise InvalidPeriod(f"from ({first}) comes after to ({last})")
        rows: dict[str, _Tally] = defaultdict(_Tally)
        total = _Tally()
        async for count, cases in _in_slices(self._cube.seen_from(node)):
            month = count.place.month
            if (first is None or month >= first) and (last is None or month <= last):
                rows[_value(count.place, by)].add(count, cases)
                total.add(count, cases)
        report = REPORTS[name]
        return make_table(
            report,
            view="own",
            by=by,
            window=(first, last),
            as_of=self._clock.now(),
            rows={value: _exact(report, rows[value]) for value in sorted(rows)},
            total=_exact(report, total),
        )

    async def published(
        self, name: ReportName, by: PublishedSplit, first: Month | None, last: Month | None
    ) -> Table:
        """Return the protected figures of all institutions, for whole quarters that have ended (default: the last).

        Raises:
            InvalidPeriod: not whole quarters, not ended yet, in the wrong order, or more than `MOST_QUARTERS`.
            SplitNotPublished: this report is not published by that.
        """
        report, now = REPORTS[name], self._clock.now()
        if by not in report.published_by:
            raise SplitNotPublished(name, by, report.published_by)
        quarters = _whole_quarters(first, last, now)
        publication = _Publication(report)
        async for quarter, counts in _in_slices((await self._collect(report, quarters)).items(), size=1):
            publication.take(quarter, counts)
        return make_table(
            report,
            view="published",
            by=by,
            window=(first_month(quarters[0]), last_month(quarters[-1])),
            as_of=now,
            rows=publication.rows(by),
            total=publication.total(quarters),
        )

    async def _collect(self, report: Report, quarters: Sequence[Quarter]) -> dict[Quarter, _QuarterCounts]:
        columns = with_parents(tuple(column.counts for column in report.columns))
        figures = [column.figure for column in report.columns if column.figure is not None]
        counts = {quarter: _QuarterCounts(columns, figures) async for quarter in _in_slices(quarters, size=1)}
        for institution in self._cube.institutions():
            async for count, cases in _in_slices(self._cube.seen_from(institution)):
                of_quarter = counts.get(quarter_of(count.place.month))
                if of_quarter is not None:
                    of_quarter.add(institution, count, cases)
        return counts


class _Publication:
    """One report over some quarters, each protected on its own."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._counts: dict[Quarter, _QuarterCounts] = {}
        self._shown: dict[Quarter, Shown] = {}

    def take(self, quarter: Quarter, counts: _QuarterCounts) -> None:
        self._counts[quarter] = counts
        self._shown[quarter] = protect(_without_profiles(counts.lines), PARENTS)

    def rows(self, by: PublishedSplit) -> dict[str, dict[str, Cell]]:
        if by is PublishedSplit.NONE:
            return {ALL: self.total(list(self._counts))}
        if by is PublishedSplit.QUARTER:
            return {quarter: self.total([quarter]) for quarter in self._counts}
        return {
            value: {column.name: self._cell(column, by, value) for column in self._report.columns}
            for value in VALUES[by]
        }

    def total(self, quarters: Sequence[Quarter]) -> dict[str, Cell]:
        return {column.name: self._total_cell(column, quarters) for column in self._report.columns}

    def _cell(self, column: Column, dimension: str, value: str) -> Cell:
        """Return the sum over all quarters, when each of them may be shown (rule 5)."""
        if all((column.counts, dimension, value) in shown.cells for shown in self._shown.values()):
            return self._sum(column, list(self._counts), dimension, (value,))
        return hidden_cell()

    def _total_cell(self, column: Column, quarters: Sequence[Quarter]) -> Cell:
        profile = column.counts.removeprefix("profile.")
        if profile != column.counts:  # all cases of a profile: the same count as `assessed`, split by profile
            if all(("assessed", "profile", profile) in self._shown[quarter].cells for quarter in quarters):
                return self._sum(column, quarters, "profile", (profile,))
            return hidden_cell()
        if all(column.counts in self._shown[quarter].totals for quarter in quarters):
            return self._sum(column, quarters, "age_band", VALUES["age_band"])
        return hidden_cell()

    def _sum(
        self, column: Column, quarters: Sequence[Quarter], dimension: str, values: Sequence[str]
    ) -> Cell:
        cases, distribution = 0, Counter[int]()
        for quarter in quarters:
            counts = self._counts[quarter]
            for value in values:
                cases += counts.cases(column.counts, dimension, value)
                if column.figure is not None:
                    distribution.update(counts.figures.get((column.figure, dimension, value), Counter()))
        return counted_cell(column, cases, distribution)


def _without_profiles(
    lines: Mapping[str, Mapping[str, Mapping[str, ByInstitution]]],
) -> dict[str, Mapping[str, Mapping[str, ByInstitution]]]:
    """Leave out the columns that are themselves the split of another: they are protected as its cells."""
    return {column: line for column, line in lines.items() if not column.startswith("profile.")}


def _value(place: Place, by: OwnSplit) -> str:
    if by is OwnSplit.NONE:
        return ALL
    if by is OwnSplit.QUARTER:
        return quarter_of(place.month)
    value: str = getattr(place, by.value)
    return value


def _exact(report: Report, tally: _Tally) -> dict[str, Cell]:
    return {
        column.name: counted_cell(
            column,
            tally.columns.get(column.counts, 0),
            tally.figures.get(column.figure) if column.figure is not None else None,
        )
        for column in report.columns
    }


def _whole_quarters(first: Month | None, last: Month | None, now: datetime) -> tuple[Quarter, ...]:
    ended = quarter_before(quarter_of(month_of(now)))
    until = quarter_of(last) if last is not None else ended
    since = quarter_of(first) if first is not None else until
    if (first is not None and first != first_month(since)) or (
        last is not None and last != last_month(until)
    ):
        raise InvalidPeriod(
            "published figures cover whole quarters, from its first month (01, 04, 07, 10) to its last (03, 06, 09, 12)"
        )
    if until > ended:
        raise InvalidPeriod(f"a quarter is published once it has ended; the last is {ended}")
    if since > until:
        raise InvalidPeriod(f"from ({first_month(since)}) comes after to ({last_month(until)})")
    quarters = quarters_between(since, until)
    if len(quarters) > MOST_QUARTERS:
        raise InvalidPeriod(f"it spans {len(quarters)} quarters, at most {MOST_QUARTERS}")
    return quarters


async def _in_slices(items: Iterable[T], size: int = _SLICE) -> AsyncIterator[T]:
    """Yield the items, letting others run before each `size` of them."""
    for number, item in enumerate(items):
        if number % size == 0:
            await asyncio.sleep(0)
        yield item
